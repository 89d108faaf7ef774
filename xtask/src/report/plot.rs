//! Plots as SVG.

use std::fmt::Write as _;

use super::page::escape;

const WIDTH: f64 = 760.0;
/// Room for the labels.
const LEFT: f64 = 230.0;
const RIGHT: f64 = 40.0;
const ROW: f64 = 30.0;
const COLOURS: [&str; 3] = ["#2266aa", "#cc7722", "#558844"];

/// Horizontal bars with their values; `mark` draws a line there.
pub(super) fn bars(title: &str, unit: &str, bars: &[(String, f64)], mark: f64) -> String {
    let most = bars.iter().map(|(_, value)| *value).fold(mark, f64::max) * 1.1;
    let height = 60.0 + ROW * bars.len() as f64;
    let mut svg = open(title, height);
    for (row, (label, value)) in bars.iter().enumerate() {
        let (y, width) = (40.0 + ROW * row as f64, along(*value, most));
        let _ = write!(
            svg,
            "{}<rect x=\"{LEFT}\" y=\"{y}\" width=\"{width:.1}\" height=\"18\" fill=\"{}\"/>{}",
            text(LEFT - 8.0, y + 14.0, "end", label),
            COLOURS[0],
            text(LEFT + width + 4.0, y + 14.0, "start", &format!("{value:.2}{unit}"))
        );
    }
    let x = LEFT + along(mark, most);
    let _ = write!(svg, "<line x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"34\" y2=\"{}\" stroke=\"#a00\"/>", height - 20.0);
    svg + "</svg>\n"
}

/// Distributions: whiskers from the 5th to the 95th hundredth, a box from quarter to quarter, a line at the median.
pub(super) fn boxes(title: &str, unit: &str, rows: &[(String, Vec<f64>)]) -> String {
    let rows: Vec<_> = rows
        .iter()
        .filter(|(_, values)| !values.is_empty())
        .map(|(label, values)| (label, [0.05, 0.25, 0.5, 0.75, 0.95].map(|share| quantile(values, share))))
        .collect();
    let most = rows.iter().map(|(_, quantiles)| quantiles[4]).fold(1.0, f64::max) * 1.15;
    let mut svg = open(title, 60.0 + ROW * rows.len() as f64);
    for (row, (label, quantiles)) in rows.iter().enumerate() {
        let (y, colour) = (40.0 + ROW * row as f64, COLOURS[row % COLOURS.len()]);
        let [low, lower, middle, upper, high] = quantiles.map(|value| LEFT + along(value, most));
        let _ = write!(
            svg,
            "{}<line x1=\"{low:.1}\" x2=\"{high:.1}\" y1=\"{m}\" y2=\"{m}\" stroke=\"{colour}\"/>\
             <rect x=\"{lower:.1}\" y=\"{y}\" width=\"{:.1}\" height=\"18\" fill=\"{colour}\" fill-opacity=\"0.4\"/>\
             <line x1=\"{middle:.1}\" x2=\"{middle:.1}\" y1=\"{y}\" y2=\"{}\" stroke=\"{colour}\" stroke-width=\"3\"/>{}",
            text(LEFT - 8.0, y + 14.0, "end", label),
            (upper - lower).max(1.0),
            y + 18.0,
            text(high + 4.0, y + 14.0, "start", &format!("{:.0}{unit}", quantiles[2])),
            m = y + 9.0,
        );
    }
    svg + "</svg>\n"
}

/// One line of a plot: its name and its points, x ascending.
pub(super) type Series = (String, Vec<(f64, f64)>);

/// Lines over a logarithmic axis.
pub(super) fn curves(title: &str, unit: &str, series: &[Series]) -> String {
    const HEIGHT: f64 = 300.0;
    let points = || series.iter().flat_map(|(_, points)| points);
    let first = points().map(|(x, _)| x.log10()).fold(f64::INFINITY, f64::min);
    let last = points().map(|(x, _)| x.log10()).fold(first + 1e-9, f64::max);
    let most = points().map(|(_, y)| *y).fold(1e-9, f64::max) * 1.1;
    let place = |x: f64, y: f64| {
        let across = (x.log10() - first) / (last - first) * (WIDTH - LEFT - RIGHT);
        (LEFT + across, HEIGHT - 40.0 - y / most * (HEIGHT - 90.0))
    };
    let mut svg = open(title, HEIGHT);
    for (number, (name, points)) in series.iter().enumerate() {
        let colour = COLOURS[number % COLOURS.len()];
        let line: String = points.iter().map(|(x, y)| place(*x, *y)).map(|(x, y)| format!("{x:.1},{y:.1} ")).collect();
        let _ = write!(
            svg,
            "<polyline points=\"{line}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>\
             <rect x=\"10\" y=\"{}\" width=\"12\" height=\"12\" fill=\"{colour}\"/>{}",
            40.0 + 22.0 * number as f64,
            text(28.0, 51.0 + 22.0 * number as f64, "start", name)
        );
        for (x, y) in points {
            let (at_x, at_y) = place(*x, *y);
            let _ = write!(
                svg,
                "<circle cx=\"{at_x:.1}\" cy=\"{at_y:.1}\" r=\"3\" fill=\"{colour}\"/>{}{}",
                text(at_x, at_y - 8.0, "middle", &format!("{y:.2}{unit}")),
                text(at_x, HEIGHT - 18.0, "middle", &format!("{x}"))
            );
        }
    }
    svg + "</svg>\n"
}

fn open(title: &str, height: f64) -> String {
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" \
         font-family=\"system-ui,sans-serif\" font-size=\"13\" role=\"img\"><text x=\"10\" y=\"20\" \
         font-weight=\"bold\">{}</text>",
        escape(title)
    )
}

fn text(x: f64, y: f64, anchor: &str, words: &str) -> String {
    format!("<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{}</text>", escape(words))
}

fn along(value: f64, most: f64) -> f64 {
    value / most * (WIDTH - LEFT - RIGHT - 50.0)
}

/// The value that this share of the values does not exceed; 0 if there are none.
pub(super) fn quantile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an index within the values")]
    let index = ((sorted.len().saturating_sub(1)) as f64 * share).round() as usize;
    sorted.get(index).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_values() {
        let values = [5.0, 1.0, 4.0, 2.0, 3.0];
        assert_eq!([0.0, 0.25, 0.5, 1.0].map(|share| quantile(&values, share)), [1.0, 2.0, 3.0, 5.0]);
        assert_eq!(quantile(&[], 0.5), 0.0);
    }

    #[test]
    fn every_plot_is_closed_and_has_its_labels() {
        let label = || "a & b".to_owned();
        for svg in [
            bars("t", "x", &[(label(), 2.0)], 1.0),
            boxes("t", " us", &[(label(), vec![1.0, 2.0]), ("empty".into(), vec![])]),
            curves("t", " ms", &[(label(), vec![(1e3, 1.0), (1e6, 2.0)])]),
        ] {
            assert!(svg.starts_with("<svg") && svg.ends_with("</svg>\n"), "{svg}");
            assert!(svg.contains("a &amp; b") && !svg.contains("empty") && !svg.contains("NaN"), "{svg}");
        }
    }
}
