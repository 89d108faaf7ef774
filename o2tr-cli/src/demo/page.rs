//! The timeline as a page: no scripts, no other files, light or dark as the reader likes it.

use super::diagram::Diagram;
use super::timeline::{Act, Tally, Timeline};

/// The page.
pub(super) fn render(timeline: &Timeline) -> String {
    let cards: String = timeline.acts.iter().map(card).collect();
    let acts: String = timeline.acts.iter().map(|act| self::act(act, timeline.threshold)).collect();
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>O2TR: a conversation survives a \
         crash</title>\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<style>{STYLE}</style>\n\
         <main>\n<h1>A conversation survives a crash</h1>\n<p class=\"lead\">Alice and Bob were two processes. Bob's was \
         killed while her messages were under way, and came back. This is what happened, message by message and key \
         by key.</p>\n<div class=\"cards\">{cards}</div>\n{}{acts}</main>\n</html>\n",
        legend(timeline.threshold)
    )
}

/// Makes text harmless inside the page.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            c => escaped.push(c),
        }
    }
    escaped
}

fn card(act: &Act) -> String {
    let Tally { written, read, repeated } = act.tally;
    let lost = written.saturating_sub(read + repeated);
    let (class, verdict) = if lost == 0 { ("good", "none lost".to_owned()) } else { ("bad", format!("{lost} lost")) };
    format!(
        "<div class=\"card {class}\"><b>{}</b><span class=\"figure\">{read}<small> of {written} messages \
         read</small></span><span class=\"verdict\">{verdict}</span></div>",
        escape(act.title)
    )
}

fn legend(threshold: u32) -> String {
    format!(
        "<p class=\"legend\"><span class=\"chip a\">A2·B3 <i>1/{threshold}</i></span> the message is encrypted under \
         Alice's 2nd and Bob's 3rd key, as the first of at most {threshold} · <b class=\"key\">◆</b> a new key is made · \
         <b class=\"mail\">✉</b> the server keeps a message · <span class=\"bubble good\">read with stored keys</span></p>\n"
    )
}

fn act(act: &Act, threshold: u32) -> String {
    let mut diagram = Diagram::new(act.keeps_keys.then_some(threshold));
    let mut rows = String::new();
    for (number, scene) in (1..).zip(&act.scenes) {
        // About thirty letters stand in a row of the words.
        let rows_of_words = u32::try_from(scene.sentence.len() / 30 + 1).unwrap_or(1);
        rows.push_str(&format!(
            "<section><div class=\"words\"><b>{number}</b><p>{}</p></div>{}</section>\n",
            escape(&scene.sentence),
            diagram.scene(&scene.steps, 40 + 25 * rows_of_words)
        ));
    }
    format!("<h2>{}<small>{}</small></h2>\n{}\n{rows}", escape(act.title), escape(act.subtitle), Diagram::head())
}

const STYLE: &str = "
:root { color-scheme: light dark; --fg:#1c2126; --soft:#68727d; --bg:#fff; --panel:#f5f7f9; --line:#cfd6dd;
  --a:#0b7285; --b:#8a2f8f; --good:#1d7a3a; --goodbg:#e3f5e8; --bad:#c02626; --badbg:#fde8e8; --wait:#a05a00; --waitbg:#fff1d6 }
@media (prefers-color-scheme: dark) { :root { --fg:#e4e8ec; --soft:#95a0ab; --bg:#14181c; --panel:#1c2227; --line:#3a444d;
  --a:#4cc3d6; --b:#d98ade; --good:#62d287; --goodbg:#16321f; --bad:#ff7b7b; --badbg:#3b1a1a; --wait:#f0b45c; --waitbg:#38290f } }
* { box-sizing:border-box } body { margin:0; background:var(--bg); color:var(--fg); font:16px/1.5 system-ui, sans-serif }
main { max-width:1080px; margin:0 auto; padding:40px 24px 80px }
h1 { font-size:32px; margin:0 0 8px; letter-spacing:-.01em } .lead { color:var(--soft); max-width:46em; margin:0 0 24px }
h2 { font-size:24px; margin:56px 0 12px } h2 small { display:block; font-size:16px; font-weight:400; color:var(--soft) }
.cards { display:grid; grid-template-columns:1fr 1fr; gap:16px }
.card { border-radius:12px; padding:18px 22px; display:flex; flex-direction:column }
.card.good { background:var(--goodbg) } .card.bad { background:var(--badbg) }
.figure { font-size:40px; font-weight:700; line-height:1.2 } .figure small { font-size:16px; font-weight:400; color:var(--soft) }
.good .verdict { color:var(--good) } .bad .verdict { color:var(--bad) } .verdict { font-weight:600 }
.legend { color:var(--soft); font-size:14px; line-height:2 } .key { color:var(--fg) } .mail { color:var(--wait) }
.chip { font:12px ui-monospace, monospace; border:1px solid; border-radius:9px; padding:2px 8px } .chip i { color:var(--soft) }
.chip.a { color:var(--a) } .bubble { border-radius:9px; padding:2px 9px } .bubble.good { background:var(--goodbg); color:var(--good) }
section { display:grid; grid-template-columns:300px 1fr; gap:28px; border-top:1px solid var(--line) }
.words { display:flex; gap:14px; padding:18px 0 } .words b { color:var(--soft); font-variant-numeric:tabular-nums; min-width:1.4em }
.words p { margin:0 } svg { display:block; width:100%; height:auto; overflow:visible }
.head { position:sticky; top:0; background:var(--bg); z-index:1; grid-template-columns:300px 1fr; display:grid; gap:28px }
text { font:14px system-ui, sans-serif; fill:var(--fg) } .name { font-weight:700; font-size:16px }
.a text, text.a { fill:var(--a) } .b text, text.b { fill:var(--b) } text.s, .s text { fill:var(--soft) }
.life { stroke-width:3 } .life.a { stroke:var(--a) } .life.b { stroke:var(--b) }
.life.gone { stroke:var(--line); stroke-width:2; stroke-dasharray:3 6 } .life.server { stroke:var(--line); stroke-width:1 }
.arrow { stroke-width:1.8; fill:none } .arrow.a, .dot.a { stroke:var(--a) } .arrow.b, .dot.b { stroke:var(--b) }
.tip.a, .dot.a.used { fill:var(--a) } .tip.b, .dot.b.used { fill:var(--b) } .dot { fill:none; stroke-width:1.2 }
.arrow.quiet { stroke:var(--soft); stroke-dasharray:1 4; stroke-linecap:round } .tip.quiet { fill:var(--soft) }
.arrow.late { stroke:var(--wait) } .tip.late, text.late { fill:var(--wait) }
.arrow.again { stroke:var(--bad); stroke-dasharray:5 4 } .tip.again, text.again { fill:var(--bad) }
.mono { font:12px ui-monospace, monospace } .box { stroke:none } .box.plain { fill:var(--panel); stroke:var(--line) }
.box.good { fill:var(--goodbg) } text.good { fill:var(--good) } .box.bad { fill:var(--badbg) } text.bad { fill:var(--bad) }
.box.wait { fill:var(--waitbg) } text.wait { fill:var(--wait) } .paper { fill:var(--bg) }
@media (max-width:820px) { section, .head { grid-template-columns:1fr; gap:0 } .words { padding-bottom:0 } }
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_leave_its_place() {
        assert_eq!(escape("<b>\"&\"</b>"), "&lt;b&gt;&quot;&amp;&quot;&lt;/b&gt;");
    }
}
