//! pidgin over D-Bus, through `gdbus`: calls, and the signals by which it tells what it does.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};

use anyhow::{Context as _, Result, bail};

use super::desktop::Desktop;
use crate::process::{Guard, guarded};

const SERVICE: &str = "im.pidgin.purple.PurpleService";
const OBJECT: &str = "/im/pidgin/purple/PurpleObject";
const INTERFACE: &str = "im.pidgin.purple.PurpleInterface.";

/// What `gdbus monitor` says when it listens.
const LISTENING: &str = "Monitoring signals";

/// A value in a call, a reply or a signal; lists and tuples are flattened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    Number(i64),
    Text(String),
}

/// Something that pidgin has told everybody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Signal {
    pub(super) name: String,
    pub(super) values: Vec<Value>,
}

/// Listens as long as it lives.
#[derive(Debug)]
pub(super) struct Monitor {
    signals: Receiver<Signal>,
    _process: Guard,
}

impl Value {
    pub(super) fn number(&self) -> Option<i64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Text(_) => None,
        }
    }

    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Number(_) => None,
        }
    }
}

impl Monitor {
    /// Begins to listen; signals after this call are not missed.
    pub(super) fn start(desktop: &Desktop) -> Result<Self> {
        let mut command = guarded("gdbus");
        command.args(["monitor", "--session", "--dest", SERVICE, "--object-path", OBJECT]);
        desktop.furnish(&mut command);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut process = Guard::spawn("gdbus", command)?;
        let mut lines = BufReader::new(process.take_stdout().context("gdbus has no output")?).lines();
        match lines.next() {
            Some(Ok(line)) if line.starts_with(LISTENING) => {}
            other => bail!("gdbus does not listen: {other:?}"),
        }
        let (sender, signals) = channel();
        std::thread::spawn(move || {
            for signal in lines.map_while(Result::ok).filter_map(|line| signal(&line)) {
                if sender.send(signal).is_err() {
                    break;
                }
            }
        });
        Ok(Self { signals, _process: process })
    }

    /// What has come since the last time.
    pub(super) fn signals(&self) -> impl Iterator<Item = Signal> {
        self.signals.try_iter()
    }
}

/// Calls a function of libpurple.
pub(super) fn call(desktop: &Desktop, function: &str, arguments: &[Value]) -> Result<Vec<Value>> {
    let mut command = Command::new("gdbus");
    command.args(["call", "--session", "--dest", SERVICE, "--object-path", OBJECT, "--method"]);
    command.arg(format!("{INTERFACE}{function}"));
    for argument in arguments {
        match argument {
            Value::Number(number) => command.arg(number.to_string()),
            Value::Text(text) => command.arg(quoted(text)),
        };
    }
    desktop.furnish(&mut command);
    let output = command.stdin(Stdio::null()).output().context("cannot run gdbus")?;
    if !output.status.success() {
        bail!("{function}: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(values(&String::from_utf8_lossy(&output.stdout)))
}

fn signal(line: &str) -> Option<Signal> {
    let (_, rest) = line.split_once(INTERFACE)?;
    let (name, rest) = rest.split_once(' ')?;
    Some(Signal { name: name.to_owned(), values: values(rest) })
}

/// The numbers and strings in the text format of GVariant.
fn values(text: &str) -> Vec<Value> {
    let mut values = Vec::new();
    let mut rest = text.chars().peekable();
    while let Some(character) = rest.next() {
        match character {
            quote @ ('\'' | '"') => {
                let mut string = String::new();
                while let Some(character) = rest.next() {
                    match character {
                        '\\' => string.extend(unescaped(&mut rest)),
                        end if end == quote => break,
                        other => string.push(other),
                    }
                }
                values.push(Value::Text(string));
            }
            start if start == '-' || start.is_ascii_alphanumeric() => {
                let mut word = String::from(start);
                while let Some(next) = rest.next_if(char::is_ascii_alphanumeric) {
                    word.push(next);
                }
                // Other words are the names of types.
                match word.as_str() {
                    "true" => values.push(Value::Number(1)),
                    "false" => values.push(Value::Number(0)),
                    word => values.extend(word.parse().ok().map(Value::Number)),
                }
            }
            _ => {}
        }
    }
    values
}

fn unescaped(rest: &mut impl Iterator<Item = char>) -> Option<char> {
    let digits = match rest.next()? {
        'n' => return Some('\n'),
        't' => return Some('\t'),
        'r' => return Some('\r'),
        'a' => return Some('\u{7}'),
        'b' => return Some('\u{8}'),
        'f' => return Some('\u{c}'),
        'v' => return Some('\u{b}'),
        'u' => 4,
        'U' => 8,
        other => return Some(other),
    };
    let code: String = rest.take(digits).collect();
    char::from_u32(u32::from_str_radix(&code, 16).ok()?)
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'").replace('\n', "\\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Value {
        Value::Text(text.to_owned())
    }

    #[test]
    fn a_signal_is_read() {
        let line = format!("{OBJECT}: {INTERFACE}WroteImMsg (85, 'bob@localhost', \"it's\", 3413, uint32 2)");
        let wrote = signal(&line).unwrap();
        assert_eq!(wrote.name, "WroteImMsg");
        let number = Value::Number;
        assert_eq!(wrote.values, [number(85), text("bob@localhost"), text("it's"), number(3413), number(2)]);
        assert_eq!(signal("The name im.pidgin.purple.PurpleService is owned by :1.1"), None);
    }

    #[test]
    fn escapes_are_undone() {
        assert_eq!(values(r"('a\'b\\c\n\u00e9\U0001f600',)"), [text("a'b\\c\né😀")]);
        assert_eq!(values("([85, -1],) true"), [Value::Number(85), Value::Number(-1), Value::Number(1)]);
        assert_eq!(values(&quoted(r"back\slash 'quote'")), [text(r"back\slash 'quote'")]);
    }
}
