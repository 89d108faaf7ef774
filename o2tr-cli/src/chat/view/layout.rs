//! Where things stand on the screen.

use ratatui::layout::Rect;

use super::{banner, input};
use crate::chat::model::Model;

/// Up to this size there is room for one pane only.
const NARROW: (u16, u16) = (80, 24);
const LIST_WIDTH: u16 = 26;

/// The parts of the screen; an empty one is not shown.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::chat) struct Areas {
    pub(in crate::chat) header: Rect,
    pub(in crate::chat) list: Rect,
    pub(in crate::chat) body: Rect,
    pub(in crate::chat) banner: Rect,
    pub(in crate::chat) status: Rect,
    pub(in crate::chat) flash: Rect,
    pub(in crate::chat) input: Rect,
}

/// Whether there is room for one pane only.
pub(in crate::chat) const fn is_narrow(model: &Model) -> bool {
    model.size.0 <= NARROW.0 || model.size.1 < NARROW.1
}

/// Divides the screen.
pub(in crate::chat) fn areas(model: &Model) -> Areas {
    let (columns, rows) = model.size;
    let screen = Rect::new(0, 0, columns, rows);
    let (header, rest) = split_top(screen, 1);
    let (rest, input) = split_bottom(rest, input::height(model, columns).min(rows / 3).max(1));
    let (rest, flash) = split_bottom(rest, u16::from(model.flash.is_some()));
    let (rest, status) = split_bottom(rest, 1);
    let (list, main) = if !is_narrow(model) {
        let list = Rect { width: LIST_WIDTH.min(rest.width), ..rest };
        let left = list.width;
        (list, Rect { x: rest.x + left, width: rest.width - left, ..rest })
    } else if model.shows_list || model.open.is_none() {
        (rest, Rect { height: 0, ..rest })
    } else {
        (Rect { width: 0, ..rest }, rest)
    };
    let wanted = if main.width == 0 { 0 } else { banner::height(model, main.width) };
    let (body, banner) = split_bottom(main, wanted.min(main.height / 2));
    Areas { header, list, body, banner, status, flash, input }
}

const fn split_top(area: Rect, height: u16) -> (Rect, Rect) {
    let height = if height < area.height { height } else { area.height };
    let top = Rect { x: area.x, y: area.y, width: area.width, height };
    let rest = Rect { x: area.x, y: area.y + height, width: area.width, height: area.height - height };
    (top, rest)
}

const fn split_bottom(area: Rect, height: u16) -> (Rect, Rect) {
    let height = if height < area.height { height } else { area.height };
    let rest = Rect { x: area.x, y: area.y, width: area.width, height: area.height - height };
    let bottom = Rect { x: area.x, y: area.y + rest.height, width: area.width, height };
    (rest, bottom)
}

/// A rectangle in the middle of the screen, at most that large.
pub(super) fn middle(screen: Rect, width: u16, height: u16) -> Rect {
    let width = width.min(screen.width);
    let height = height.min(screen.height);
    Rect { x: screen.x + (screen.width - width) / 2, y: screen.y + (screen.height - height) / 2, width, height }
}
