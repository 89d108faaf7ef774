//! Text out of the HTML that clients of libotr's kin send inside OTR.

/// Elements that chat clients write. Anything else in angle brackets is what somebody typed.
const ELEMENTS: &[&str] =
    &["a", "b", "body", "br", "div", "em", "font", "html", "i", "p", "s", "span", "strong", "sub", "sup", "u"];
const ENTITIES: &[(&str, &str)] =
    &[("amp", "&"), ("lt", "<"), ("gt", ">"), ("quot", "\""), ("apos", "'"), ("nbsp", " "), ("#39", "'")];
/// The longest element that is looked for, in bytes.
const MAX_ELEMENT: usize = 1024;

/// The text without markup. What is no markup stays as it is.
pub(super) fn plain(html: &str) -> String {
    let mut text = String::with_capacity(html.len());
    let mut rest = html;
    while let Some(at) = rest.find(['<', '&']) {
        let (before, found) = rest.split_at(at);
        text.push_str(before);
        let (put, len) = element(found).or_else(|| entity(found)).unwrap_or_else(|| {
            // One ASCII character.
            (found.get(..1).unwrap_or_default(), 1)
        });
        text.push_str(put);
        rest = found.get(len..).unwrap_or_default();
    }
    text.push_str(rest);
    text
}

/// An element at the beginning: what stands for it, and its length.
fn element(text: &str) -> Option<(&'static str, usize)> {
    let inner = text.strip_prefix('<')?;
    let end = inner.bytes().take(MAX_ELEMENT).position(|byte| byte == b'>')?;
    let inner = inner.get(..end)?;
    let name = inner.strip_prefix('/').unwrap_or(inner);
    let name = name.split(|c: char| !c.is_ascii_alphanumeric()).next()?.to_ascii_lowercase();
    let name = ELEMENTS.iter().find(|known| **known == name)?;
    Some((if *name == "br" { "\n" } else { "" }, end + 2))
}

fn entity(text: &str) -> Option<(&'static str, usize)> {
    let inner = text.strip_prefix('&')?;
    ENTITIES.iter().find_map(|(name, character)| {
        inner.strip_prefix(name)?.strip_prefix(';')?;
        Some((*character, name.len() + 2))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_goes_and_text_stays() {
        assert_eq!(plain("<FONT COLOR=\"red\">a &lt;b&gt; &amp;amp;</FONT><br/>c"), "a <b> &amp;\nc");
        assert_eq!(plain("it&apos;s &quot;x&quot;"), "it's \"x\"");
        assert_eq!(plain("a < b && c > d <unknown> &nothing;"), "a < b && c > d <unknown> &nothing;");
        assert_eq!(plain("<b"), "<b");
        assert_eq!(plain("&"), "&");
        assert_eq!(plain("<é>"), "<é>");
    }
}
