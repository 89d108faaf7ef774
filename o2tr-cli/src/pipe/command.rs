//! What the caller can ask for, read from one line.

use otr_core::Timestamp;
use otr_core::dsa::Fingerprint;
use serde::Deserialize;
use zeroize::Zeroizing;

use crate::args::check_mtu;

/// A command.
#[derive(Debug)]
pub(super) enum Command {
    Query,
    Recv { msg: String, delayed: Option<Timestamp>, archived: bool },
    Send { text: Zeroizing<String>, id: Option<String> },
    Ack { id: u64 },
    SmpStart { secret: Zeroizing<String>, question: Option<String> },
    SmpRespond { secret: Zeroizing<String> },
    SmpAbort,
    SymKey { usage: u32, data: Vec<u8> },
    End,
    Trust { fingerprint: Fingerprint, verified: bool },
    Release,
    Outbox,
    Cancel { id: String },
    Clear { text: Zeroizing<String> },
    Peer { online: bool },
    State,
    Mtu { value: usize },
    Poll { now: Option<Timestamp> },
    Subscribe,
    Quit,
}

/// A command, and whom it is for.
#[derive(Debug)]
pub(super) struct Order {
    /// The command's name.
    pub(super) name: String,
    /// The peer, where there are several.
    pub(super) to: Option<String>,
    pub(super) command: Command,
}

/// A line that is no command.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Malformed {
    /// The command's name, as far as there is one.
    pub(super) name: String,
    /// What is wrong.
    pub(super) fault: String,
}

/// Reads a line.
///
/// # Errors
/// [`Malformed`]; secrets in the line are not repeated in it.
pub(super) fn parse(line: &[u8]) -> Result<Order, Malformed> {
    let fault = |name: &str, fault: String| Malformed { name: name.to_owned(), fault };
    let Name { cmd } = serde_json::from_slice(line).map_err(|error| fault("", without_content(&error)))?;
    let mut fields: Fields = serde_json::from_slice(line).map_err(|error| fault(&cmd, without_content(&error)))?;
    let to = fields.to.take();
    match fields.into_command(&cmd) {
        Ok(command) => Ok(Order { name: cmd, to, command }),
        Err(error) => Err(fault(&cmd, error)),
    }
}

#[derive(Deserialize)]
struct Name {
    cmd: String,
}

/// The members of all commands. One flat struct: a tagged enum would be read by way of a copy that is not wiped.
#[derive(Deserialize)]
struct Fields {
    to: Option<String>,
    msg: Option<String>,
    delayed: Option<String>,
    archived: Option<bool>,
    text: Option<Zeroizing<String>>,
    id: Option<String>,
    secret: Option<Zeroizing<String>>,
    question: Option<String>,
    #[serde(rename = "use")]
    usage: Option<u32>,
    data: Option<String>,
    fingerprint: Option<String>,
    level: Option<String>,
    online: Option<bool>,
    value: Option<usize>,
    now: Option<f64>,
}

impl Fields {
    fn into_command(self, name: &str) -> Result<Command, String> {
        Ok(match name {
            "query" => Command::Query,
            "recv" => Command::Recv {
                msg: required(self.msg, "msg")?,
                delayed: self.delayed.as_deref().map(moment).transpose()?,
                archived: self.archived.unwrap_or(false),
            },
            "send" => Command::Send { text: required(self.text, "text")?, id: self.id },
            "ack" => Command::Ack {
                id: required(self.id, "id")?.parse().map_err(|_| "`id` is not one of an event".to_owned())?,
            },
            "smp_start" => Command::SmpStart { secret: required(self.secret, "secret")?, question: self.question },
            "smp_respond" => Command::SmpRespond { secret: required(self.secret, "secret")? },
            "smp_abort" => Command::SmpAbort,
            "symkey" => Command::SymKey {
                usage: required(self.usage, "use")?,
                data: hex::decode(required(self.data, "data")?).map_err(|_| "`data` is not hexadecimal".to_owned())?,
            },
            "end" => Command::End,
            "trust" => Command::Trust {
                fingerprint: required(self.fingerprint, "fingerprint")?
                    .parse()
                    .map_err(|_| "`fingerprint` is not 40 hexadecimal digits".to_owned())?,
                verified: match required(self.level, "level")?.as_str() {
                    "verified" => true,
                    "unverified" => false,
                    _ => return Err("`level` is neither verified nor unverified".to_owned()),
                },
            },
            "release" => Command::Release,
            "outbox" => Command::Outbox,
            "cancel" => Command::Cancel { id: required(self.id, "id")? },
            "clear" => Command::Clear { text: required(self.text, "text")? },
            "peer" => Command::Peer { online: required(self.online, "online")? },
            "state" => Command::State,
            "mtu" => Command::Mtu {
                value: check_mtu(required(self.value, "value")?).map_err(|fault| format!("`value`: {fault}"))?,
            },
            "poll" => Command::Poll { now: self.now.map(seconds).transpose()? },
            "subscribe" => Command::Subscribe,
            "quit" => Command::Quit,
            _ => return Err("unknown command".to_owned()),
        })
    }
}

fn required<T>(member: Option<T>, name: &str) -> Result<T, String> {
    member.ok_or_else(|| format!("`{name}` is missing"))
}

/// RFC 3339; what lies before 1970 counts as 1970.
fn moment(text: &str) -> Result<Timestamp, String> {
    let moment: jiff::Timestamp = text.parse().map_err(|_| "`delayed` is not a time of RFC 3339".to_owned())?;
    Ok(Timestamp::from_millis(u64::try_from(moment.as_millisecond()).unwrap_or(0)))
}

/// Seconds since 1970, perhaps with a fraction.
fn seconds(seconds: f64) -> Result<Timestamp, String> {
    /// The year 9999.
    const LATEST: f64 = 253_402_300_800.0;
    if !(0.0..LATEST).contains(&seconds) {
        return Err("`now` is not a time in seconds".to_owned());
    }
    let elapsed = std::time::Duration::from_secs_f64(seconds);
    Ok(Timestamp::default().after(elapsed))
}

/// What serde has to say, without the value it may quote: that may be a secret.
fn without_content(error: &serde_json::Error) -> String {
    let what = match error.classify() {
        serde_json::error::Category::Syntax => "not JSON",
        serde_json::error::Category::Eof => "JSON that ends too early",
        serde_json::error::Category::Io => "not readable",
        serde_json::error::Category::Data => {
            let text = error.to_string();
            return match text.split_once('`') {
                Some((missing, member)) if missing.starts_with("missing field") => {
                    format!("`{}` is missing", member.split('`').next().unwrap_or_default())
                }
                _ => format!("a member of a wrong type at column {}", error.column()),
            };
        }
    };
    format!("{what} at column {}", error.column())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(line: &str) -> Malformed {
        parse(line.as_bytes()).unwrap_err()
    }

    #[test]
    fn commands_are_read() {
        let Order { name, to, command } =
            parse(br#"{"cmd":"send","to":"bob@b","text":"hi","id":null,"more":[1]}"#).unwrap();
        assert_eq!((name.as_str(), to.as_deref()), ("send", Some("bob@b")));
        assert!(matches!(command, Command::Send { text, id: None } if *text == "hi"));
        let Order { command, .. } =
            parse(br#"{"cmd":"recv","msg":"x","delayed":"2026-01-01T01:00:00.5+01:00"}"#).unwrap();
        let Command::Recv { delayed: Some(delayed), archived: false, .. } = command else { panic!("{command:?}") };
        assert_eq!(delayed, Timestamp::from_millis(1_767_225_600_500));
        let Order { command, .. } = parse(br#"{"cmd":"poll","now":1767225600}"#).unwrap();
        assert!(matches!(command, Command::Poll { now: Some(now) } if now == Timestamp::from_secs(1_767_225_600)));
        assert!(matches!(parse(br#"{"cmd":"poll"}"#).unwrap().command, Command::Poll { now: None }));
    }

    #[test]
    fn what_is_no_command_says_why() {
        for (line, name, wanted) in [
            ("", "", "JSON that ends too early"),
            ("x", "", "not JSON"),
            ("[]", "", "wrong type"),
            ("{}", "", "`cmd` is missing"),
            (r#"{"cmd":1}"#, "", "wrong type"),
            (r#"{"cmd":"dance"}"#, "dance", "unknown command"),
            (r#"{"cmd":"send"}"#, "send", "`text` is missing"),
            (r#"{"cmd":"send","text":1}"#, "send", "wrong type"),
            (r#"{"cmd":"recv","msg":"x","delayed":"yesterday"}"#, "recv", "RFC 3339"),
            (r#"{"cmd":"poll","now":-1}"#, "poll", "seconds"),
            (r#"{"cmd":"mtu","value":5}"#, "mtu", "at least"),
            (r#"{"cmd":"symkey","use":1,"data":"abc"}"#, "symkey", "hexadecimal"),
            (r#"{"cmd":"trust","fingerprint":"00","level":"verified"}"#, "trust", "40 hexadecimal digits"),
        ] {
            let malformed = fault(line);
            assert_eq!(malformed.name, name, "{line}");
            assert!(malformed.fault.contains(wanted), "{line}: {}", malformed.fault);
        }
    }

    #[test]
    fn secrets_are_not_repeated() {
        for line in [r#"{"cmd":"smp_start","secret":["hunter2"]}"#, r#"{"cmd":"symkey","use":"hunter2"}"#] {
            assert!(!fault(line).fault.contains("hunter2"));
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_refused() {
        assert!(parse(b"{\"cmd\":\"send\",\"text\":\"\xff\"}").is_err());
        assert!(parse(b"\xff").is_err());
    }
}
