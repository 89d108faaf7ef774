//! The harness itself, against endpoints made of a few lines of shell.

use std::process::Command;
use std::time::Duration;

use serde_json::json;
use xtask::pipe::{Ended, PipeProcess};

const READY: &str = r#"echo '{"ev":"ready","impl":"shell"}';"#;

fn shell(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.arg("-c").arg(script);
    command
}

#[test]
fn events_are_collected_up_to_done() {
    let script = format!(
        r#"{READY} read line; echo '{{"ev":"inject","msg":"one"}}'; echo '{{"ev":"sent","id":"x"}}'; echo '{{"ev":"done","cmd":"send"}}'; read line"#
    );
    let mut process = PipeProcess::spawn("shell", &mut shell(&script)).unwrap();
    assert_eq!(process.ready().text("impl"), Some("shell"));
    let events = process.command(&json!({"cmd": "send", "text": "hello"})).unwrap();
    assert_eq!(events.iter().map(|event| event.kind()).collect::<Vec<_>>(), ["inject", "sent"]);
    assert!(!process.close().unwrap().success(), "`read` fails at the end of its input");
}

#[test]
fn events_that_come_by_themselves_are_waited_for() {
    let script = format!(r#"{READY} echo '{{"ev":"presence"}}'; sleep 0.1; echo '{{"ev":"online"}}'; read line"#);
    let mut process = PipeProcess::spawn("shell", &mut shell(&script)).unwrap();
    let (before, online) = process.wait_for("online").unwrap();
    assert_eq!((before.len(), before[0].kind(), online.kind()), (1, "presence", "online"));
}

#[test]
fn an_answer_to_another_command_is_an_error() {
    let script = format!(r#"{READY} read line; echo '{{"ev":"done","cmd":"query"}}'; read line"#);
    let mut process = PipeProcess::spawn("shell", &mut shell(&script)).unwrap();
    let error = process.command(&json!({"cmd": "send", "text": "hello"})).unwrap_err();
    assert!(error.to_string().contains("answered"), "{error}");
}

#[test]
fn a_refused_start_keeps_status_event_and_words() {
    let script = r#"echo '{"ev":"error","code":"usage","msg":"no"}'; echo 'because' >&2; exit 2"#;
    let error = PipeProcess::spawn("shell", &mut shell(script)).unwrap_err();
    let refused = error.downcast_ref::<Ended>().unwrap();
    assert_eq!(refused.status, Some(2));
    assert_eq!(refused.events.len(), 1);
    assert_eq!(refused.events[0].text("code"), Some("usage"));
    assert_eq!(refused.stderr, "because\n");
}

#[test]
fn silence_ends_at_the_time_limit() {
    let mut process = PipeProcess::spawn("shell", &mut shell(&format!("{READY} read line; read line"))).unwrap();
    process.set_timeout(Duration::from_millis(50));
    let error = process.command(&json!({"cmd": "poll"})).unwrap_err();
    assert!(error.to_string().contains("no `done` within"), "{error}");
}

#[test]
fn a_process_that_dies_is_reported_with_what_it_said() {
    let script = format!(r#"{READY} read line; echo '{{"ev":"sent","id":"1"}}'; echo 'gone' >&2; exit 7"#);
    let mut process = PipeProcess::spawn("shell", &mut shell(&script)).unwrap();
    let error = process.command(&json!({"cmd": "send", "text": "hello"})).unwrap_err();
    let ended = error.downcast_ref::<Ended>().unwrap();
    assert_eq!((ended.status, ended.events.len(), ended.stderr.as_str()), (Some(7), 1, "gone\n"));
}

#[test]
fn a_line_that_is_no_event_is_an_error() {
    let error = PipeProcess::spawn("shell", &mut shell("echo hello; read line")).unwrap_err();
    assert!(format!("{error:#}").contains("not a JSON object"), "{error:#}");
}

#[test]
fn kill_does_not_ask() {
    let script = format!("trap '' TERM INT; {READY} while read line; do :; done");
    PipeProcess::spawn("shell", &mut shell(&script)).unwrap().kill().unwrap();
}
