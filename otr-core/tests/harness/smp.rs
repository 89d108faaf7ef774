//! Every SMP run that real libotr made is made again from its logged randomness: each message byte for byte,
//! each event, each value that the state keeps, and the trust at the end.

use std::collections::VecDeque;
use std::convert::Infallible;

use otr_core::smp::{Smp, SmpContext, SmpEvent, SmpMessage, SmpOutcome, SmpState};
use rand_core::{CryptoRng, TryCryptoRng, TryRng};
use serde_json::Value;

use crate::json::{latin1, list, minimal, unhex};
use crate::report::Report;

/// Replays every SMP run of a file; stops at the first difference.
pub(crate) fn run(report: &mut Report, file: &Value) {
    for (index, values) in list(file, "smp").iter().enumerate() {
        let mut compared = 0;
        Replay { name: format!("SMP run {index}"), file, values, compared: &mut compared }.replay();
        report.counted("SMP values", compared);
    }
}

struct Replay<'a> {
    name: String,
    file: &'a Value,
    values: &'a Value,
    compared: &'a mut usize,
}

impl Replay<'_> {
    fn replay(&mut self) {
        let initiator = self.text("initiator").to_owned();
        let responder = if initiator == "alice" { "bob" } else { "alice" };
        let prints = [self.fingerprint(&initiator), self.fingerprint(responder)];
        let ssid = self.bytes("ssid").try_into().unwrap();
        let at_initiator = SmpContext { ours: &prints[0], theirs: &prints[1], ssid: &ssid };
        let at_responder = SmpContext { ours: &prints[1], theirs: &prints[0], ssid: &ssid };
        let (mut first, mut second) = (Smp::default(), Smp::default());

        let secret = self.bytes("initiator_input");
        let question = self.values["question"].as_str().map(latin1);
        let mut rng = self.draws(&["a2", "a3", "msg1_r2", "msg1_r3"]);
        let started = first.start(&secret, question.as_deref(), at_initiator, &mut rng).unwrap();
        rng.finish();
        assert_eq!(started.abort, None);
        let one = started.message;
        self.message(&one, 1);
        let SmpState::Expect2(run) = first.snapshot() else { panic!("{}: not EXPECT2", self.name) };
        self.same("x", run.x.expose());
        self.same("a2", run.a2.expose());
        self.same("a3", run.a3.expose());
        if self.values["msg4"].is_null() {
            return;
        }

        assert_eq!(self.text("responder"), responder);
        let asked = self.handle(&mut second, one, &["b2", "b3"]);
        let event = question.map_or(SmpEvent::AskSecret, |question| SmpEvent::AskAnswer { question });
        assert_eq!((asked.event, asked.reply), (event, None));
        let SmpState::Asked(run) = second.snapshot() else { panic!("{}: not asked", self.name) };
        self.same("b2", run.b2.expose());
        self.same("b3", run.b3.expose());
        self.same("g2", run.g2.expose());
        self.same("g3", run.g3.expose());

        let mut rng = self.draws(&["msg2_r2", "msg2_r3", "msg2_r4", "msg2_r5", "msg2_r6"]);
        let two = second.respond(&self.bytes("responder_input"), at_responder, &mut rng).unwrap();
        rng.finish();
        self.message(&two, 2);

        let outcome = self.handle(&mut first, two, &["msg3_r4", "msg3_r5", "msg3_r6", "msg3_r7"]);
        self.event(&outcome, "step_3", 0);
        let three = outcome.reply.unwrap();
        self.message(&three, 3);
        let SmpState::Expect4(run) = first.snapshot() else { panic!("{}: not EXPECT4", self.name) };
        self.same("pa_over_pb", run.pa_over_pb.as_padded());
        self.same("qa_over_qb", run.qa_over_qb.as_padded());

        let outcome = self.handle(&mut second, three, &["msg4_r7"]);
        self.event(&outcome, "step_4", 0);
        let four = outcome.reply.unwrap();
        self.message(&four, 4);

        let outcome = self.handle(&mut first, four, &[]);
        self.event(&outcome, "step_4", 1);
        assert_eq!(outcome.event == SmpEvent::Success, self.values["success"].as_bool().unwrap(), "{}", self.name);
        assert!(!first.is_running() && !second.is_running());
    }

    fn handle(&self, smp: &mut Smp, message: SmpMessage, draws: &[&str]) -> SmpOutcome {
        let mut rng = self.draws(draws);
        let outcome =
            smp.handle_tlv(message.kind().tlv_type(), &message.encode_value(), &mut rng as &mut dyn CryptoRng).unwrap();
        rng.finish();
        outcome
    }

    /// The MPIs one by one, then the TLV as the data message carried it.
    fn message(&mut self, message: &SmpMessage, number: usize) {
        let value = message.encode_value();
        let question = match message {
            SmpMessage::One { question: Some(question), .. } => question.len() + 1,
            _ => 0,
        };
        let name = format!("msg{number}");
        let expected: Vec<_> =
            self.values[&name].as_array().unwrap().iter().map(|mpi| mpi.as_str().unwrap().to_owned()).collect();
        assert_eq!(mpis(&value[question..]), expected, "{}: {name}", self.name);
        *self.compared += expected.len();

        let step = &self.values[format!("step_{number}")];
        let sent = self.file["data_messages"].as_array().unwrap().iter().find(|sent| &sent["step"] == step).unwrap();
        let tlv = &sent["tlvs"][0];
        assert_eq!(tlv["type"], message.kind().tlv_type());
        assert_eq!(tlv["value"].as_str().unwrap(), hex::encode(value), "{}: TLV of {name}", self.name);
        *self.compared += 1;
    }

    /// The event of the step and the trust that libotr stored behind it.
    fn event(&mut self, outcome: &SmpOutcome, step: &str, behind: usize) {
        let index = usize::try_from(self.values[step].as_u64().unwrap()).unwrap() + behind;
        let steps = self.file["steps"].as_array().unwrap();
        let name = match outcome.event {
            SmpEvent::InProgress => "IN_PROGRESS",
            SmpEvent::Success => "SUCCESS",
            SmpEvent::Failure => "FAILURE",
            ref other => panic!("{}: {other:?}", self.name),
        };
        let events = steps[index]["events"].as_array().unwrap();
        let event = events.iter().find(|event| event["kind"] == "smp").unwrap();
        assert_eq!(event["value"].as_str().unwrap(), format!("{name} {}", outcome.event.percent()), "{}", self.name);

        let trust = |step: &Value| step["contexts"].as_array().unwrap().last().unwrap()["trust"].clone();
        let before = steps[..index].iter().rev().find(|step| step["party"] == steps[index]["party"]).unwrap();
        let expected = match outcome.trust {
            Some(true) => Value::from("smp"),
            Some(false) => Value::from(""),
            None => trust(before),
        };
        assert_eq!(trust(&steps[index]), expected, "{}: trust", self.name);
        *self.compared += 2;
    }

    fn same(&mut self, name: &str, ours: &[u8]) {
        let zeros = ours.iter().take_while(|&&byte| byte == 0).count();
        let theirs = hex::encode(minimal(&self.bytes(name)));
        assert_eq!(hex::encode(&ours[zeros..]), theirs, "{}: {name}", self.name);
        *self.compared += 1;
    }

    fn draws(&self, names: &[&str]) -> Logged {
        Logged {
            draws: names
                .iter()
                .map(|name| {
                    let value = self.bytes(name);
                    [vec![0; 192 - value.len()], value].concat()
                })
                .collect(),
        }
    }

    fn fingerprint(&self, party: &str) -> [u8; 20] {
        hex::decode(self.file["parties"][party]["fingerprint"].as_str().unwrap()).unwrap().try_into().unwrap()
    }

    fn text(&self, name: &str) -> &str {
        self.values[name].as_str().unwrap_or_else(|| panic!("{}: {name} is missing", self.name))
    }

    fn bytes(&self, name: &str) -> Vec<u8> {
        unhex(self.text(name))
    }
}

/// Hands out the listed draws in their order. A draw too many or of another size fails the test.
struct Logged {
    draws: VecDeque<Vec<u8>>,
}

impl Logged {
    fn finish(self) {
        assert_eq!(self.draws.len(), 0, "draws were left over");
    }
}

impl TryRng for Logged {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        panic!("a draw of 4 bytes")
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        panic!("a draw of 8 bytes")
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        let draw = self.draws.pop_front().unwrap();
        assert_eq!(draw.len(), bytes.len(), "a draw of another size");
        bytes.copy_from_slice(&draw);
        Ok(())
    }
}

impl TryCryptoRng for Logged {}

/// The MPIs behind the count, in hex.
fn mpis(payload: &[u8]) -> Vec<String> {
    let (count, mut rest) = payload.split_first_chunk::<4>().unwrap();
    let mut found = Vec::new();
    for _ in 0..u32::from_be_bytes(*count) {
        let (length, tail) = rest.split_first_chunk::<4>().unwrap();
        let (value, tail) = tail.split_at(usize::try_from(u32::from_be_bytes(*length)).unwrap());
        found.push(hex::encode(value));
        rest = tail;
    }
    assert_eq!(rest.len(), 0);
    found
}
