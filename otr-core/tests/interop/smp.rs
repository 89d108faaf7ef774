//! SMP, started from either side.

use otr_core::Event;
use otr_core::smp::SmpEvent;
use serde_json::{Value, json};

use super::face::{Face, VERSIONS, random};

const SECRET: &str = "Málaga 1999";

/// What happened in SMP at our side, and what it makes of trust.
fn ours(face: &mut Face) -> Vec<(SmpEvent, Option<bool>)> {
    let smp = |event| match event {
        Event::Smp { event, trust, .. } => Some((event, trust)),
        _ => None,
    };
    face.take().into_iter().filter_map(smp).collect()
}

/// What libotr reports of SMP.
fn theirs(face: &mut Face) -> Vec<String> {
    let result = |event: &xtask::pipe::Event| event.text("result").map(str::to_owned);
    face.take_foreign().iter().filter(|event| event.is("smp")).filter_map(result).collect()
}

fn we_start(face: &mut Face, question: Option<&str>) {
    let id = face.id();
    let question = question.map(str::as_bytes);
    face.act(|peer, now| peer.start_smp(id, SECRET.as_bytes(), question, now, &mut random())).unwrap();
    face.settle();
}

fn we_answer(face: &mut Face, secret: &str) {
    let id = face.id();
    face.act(|peer, now| peer.respond_smp(id, secret.as_bytes(), now, &mut random())).unwrap();
    face.settle();
}

fn they_start(face: &mut Face, question: Option<&str>) {
    face.command(&json!({"cmd": "smp_start", "secret": SECRET, "question": question}));
    face.settle();
}

fn they_answer(face: &mut Face, secret: &str) {
    face.command(&json!({"cmd": "smp_respond", "secret": secret}));
    face.settle();
}

#[test]
fn started_by_us_it_ends_as_the_secrets_say() {
    for version in VERSIONS {
        let Some(mut face) = Face::in_private(version) else { return };
        for question in [None, Some("Where did we meet, in which year? 🏖")] {
            for (answer, equal) in [(SECRET, true), ("elsewhere", false)] {
                we_start(&mut face, question);
                let asked = face.take_foreign();
                let asked = super::face::only_foreign(&asked, "smp");
                let kind = if question.is_some() { "ask_answer" } else { "ask_secret" };
                assert_eq!(asked.text("result"), Some(kind));
                assert_eq!(asked.get("question").and_then(Value::as_str), question);
                they_answer(&mut face, answer);
                let result = if equal { SmpEvent::Success } else { SmpEvent::Failure };
                assert_eq!(ours(&mut face), [(SmpEvent::InProgress, None), (result, Some(equal))]);
                assert_eq!(theirs(&mut face).last().unwrap(), if equal { "ok" } else { "fail" });
            }
        }
        face.talk();
    }
}

#[test]
fn started_by_libotr_it_ends_as_the_secrets_say() {
    for version in VERSIONS {
        let Some(mut face) = Face::in_private(version) else { return };
        for question in [None, Some("Where did we meet, in which year? 🏖")] {
            for (answer, equal) in [(SECRET, true), ("elsewhere", false)] {
                they_start(&mut face, question);
                let asked = question.map_or(SmpEvent::AskSecret, |question| SmpEvent::AskAnswer {
                    question: question.as_bytes().to_vec(),
                });
                assert_eq!(ours(&mut face), [(asked, None)]);
                we_answer(&mut face, answer);
                let result = if equal { SmpEvent::Success } else { SmpEvent::Failure };
                // What an answer to the peer's question is worth, the peer alone knows.
                let trust = question.is_none().then_some(equal);
                assert_eq!(ours(&mut face).last(), Some(&(result, trust)));
                assert_eq!(theirs(&mut face).last().unwrap(), if equal { "ok" } else { "fail" });
            }
        }
        face.talk();
    }
}

#[test]
fn either_side_may_abort_and_begin_again() {
    for version in VERSIONS {
        let Some(mut face) = Face::in_private(version) else { return };
        we_start(&mut face, None);
        let id = face.id();
        face.act(|peer, now| peer.abort_smp(id, now)).unwrap();
        face.settle();
        assert_eq!(theirs(&mut face), ["ask_secret", "abort"]);

        they_start(&mut face, None);
        face.command(&json!({"cmd": "smp_abort"}));
        face.settle();
        assert_eq!(ours(&mut face), [(SmpEvent::AskSecret, None), (SmpEvent::Aborted, None)]);

        we_start(&mut face, None);
        they_answer(&mut face, SECRET);
        assert_eq!(ours(&mut face).last(), Some(&(SmpEvent::Success, Some(true))));
    }
}

#[test]
fn a_second_start_of_ours_replaces_the_first() {
    let Some(mut face) = Face::in_private(otr_core::Version::V3) else { return };
    we_start(&mut face, None);
    we_start(&mut face, Some("again?"));
    assert_eq!(theirs(&mut face), ["ask_secret", "abort", "ask_answer"]);
    they_answer(&mut face, SECRET);
    assert_eq!(ours(&mut face).last(), Some(&(SmpEvent::Success, Some(true))));
}
