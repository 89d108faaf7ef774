//! What an endpoint says.

use std::fmt;

use anyhow::{Context as _, Result};
use serde_json::{Map, Value};

/// One line of an endpoint's output: an object with a member `ev`.
#[derive(Clone, PartialEq)]
pub struct Event(Map<String, Value>);

impl Event {
    /// Reads one line.
    ///
    /// # Errors
    ///
    /// The line is no JSON object, or its `ev` is no string.
    pub fn parse(line: &str) -> Result<Self> {
        let members: Map<String, Value> =
            serde_json::from_str(line).with_context(|| format!("not a JSON object: {line}"))?;
        members.get("ev").and_then(Value::as_str).with_context(|| format!("no event name: {line}"))?;
        Ok(Self(members))
    }

    /// The event's name, its member `ev`.
    #[must_use]
    pub fn kind(&self) -> &str {
        self.text("ev").unwrap_or_default()
    }

    /// Whether this is the named event.
    #[must_use]
    pub fn is(&self, kind: &str) -> bool {
        self.kind() == kind
    }

    /// Any member.
    #[must_use]
    pub fn get(&self, member: &str) -> Option<&Value> {
        self.0.get(member)
    }

    /// A member that is a string.
    #[must_use]
    pub fn text(&self, member: &str) -> Option<&str> {
        self.get(member)?.as_str()
    }

    /// A member that is a whole number.
    #[must_use]
    pub fn number(&self, member: &str) -> Option<u64> {
        self.get(member)?.as_u64()
    }

    /// A member that is a truth value.
    #[must_use]
    pub fn flag(&self, member: &str) -> Option<bool> {
        self.get(member)?.as_bool()
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&serde_json::to_string(&self.0).map_err(|_| fmt::Error)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_read_by_type() {
        let event = Event::parse(r#"{"ev":"state","state":"encrypted","version":3,"restored":false}"#).unwrap();
        assert!(event.is("state") && !event.is("done"));
        assert_eq!(event.text("state"), Some("encrypted"));
        assert_eq!(event.number("version"), Some(3));
        assert_eq!(event.flag("restored"), Some(false));
        assert_eq!(event.text("version"), None);
        assert_eq!(event.number("absent"), None);
    }

    #[test]
    fn a_line_without_an_event_name_is_refused() {
        for line in ["", "7", "[]", "{}", r#"{"ev":1}"#, r#"{"ev":"a"} x"#] {
            assert!(Event::parse(line).is_err(), "{line}");
        }
    }
}
