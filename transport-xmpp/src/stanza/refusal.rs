//! What a stanza error (RFC 6120, section 8.3.3) says about a line.

use o2tr::transport::Refusal;
use xmpp_parsers::stanza_error::{DefinedCondition, ErrorType, StanzaError};

/// The refusal that an error stands for; `None` is an error that could not be read.
pub(crate) fn refusal(error: Option<&StanzaError>) -> Refusal {
    use DefinedCondition as Condition;
    let Some(error) = error else { return Refusal::Undeliverable };
    match (&error.defined_condition, &error.type_) {
        (
            Condition::ServiceUnavailable
            | Condition::ItemNotFound
            | Condition::RecipientUnavailable
            | Condition::Gone { .. }
            | Condition::JidMalformed
            | Condition::RemoteServerNotFound
            | Condition::Redirect { .. },
            _,
        ) => Refusal::Undeliverable,
        (Condition::RemoteServerTimeout | Condition::InternalServerError, _) => Refusal::Unreachable,
        (Condition::ResourceConstraint, _) => Refusal::MailboxFull,
        (Condition::PolicyViolation, ErrorType::Wait) => Refusal::Busy,
        (
            Condition::PolicyViolation
            | Condition::Forbidden
            | Condition::NotAcceptable
            | Condition::NotAllowed
            | Condition::NotAuthorized
            | Condition::SubscriptionRequired
            | Condition::RegistrationRequired,
            _,
        ) => Refusal::Forbidden,
        (_, ErrorType::Wait) => Refusal::Busy,
        (_, ErrorType::Auth | ErrorType::Modify) => Refusal::Forbidden,
        (_, ErrorType::Cancel | ErrorType::Continue) => Refusal::Undeliverable,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(type_: ErrorType, condition: DefinedCondition) -> Refusal {
        refusal(Some(&StanzaError::new(type_, condition, "", "")))
    }

    #[test]
    fn each_condition_says_what_to_do() {
        use DefinedCondition as Condition;
        assert_eq!(refusal(None), Refusal::Undeliverable);
        assert_eq!(of(ErrorType::Cancel, Condition::ServiceUnavailable), Refusal::Undeliverable);
        assert_eq!(of(ErrorType::Wait, Condition::ResourceConstraint), Refusal::MailboxFull);
        assert_eq!(of(ErrorType::Wait, Condition::RemoteServerTimeout), Refusal::Unreachable);
        assert_eq!(of(ErrorType::Wait, Condition::PolicyViolation), Refusal::Busy);
        assert_eq!(of(ErrorType::Modify, Condition::PolicyViolation), Refusal::Forbidden);
        assert_eq!(of(ErrorType::Cancel, Condition::NotAcceptable), Refusal::Forbidden);
        assert_eq!(of(ErrorType::Wait, Condition::UndefinedCondition), Refusal::Busy);
        assert_eq!(of(ErrorType::Cancel, Condition::UndefinedCondition), Refusal::Undeliverable);
    }
}
