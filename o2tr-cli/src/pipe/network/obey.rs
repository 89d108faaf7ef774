//! One command, one call of the client.

use o2tr::client::{Client, ClientError};
use o2tr::conversation::{OutboxView, Privacy, View};
use o2tr::transport::PeerId;

use super::Skippable;
use crate::pipe::command::Command;
use crate::pipe::translate;

/// What a command led to besides the events.
#[derive(Debug)]
pub(super) enum Answer {
    /// Nothing to say.
    Done,
    /// It was not possible.
    Refused {
        code: &'static str,
        message: String,
    },
    /// The private conversation was ended here.
    Ended,
    Outbox(Vec<OutboxView>),
    State(Box<View>),
}

/// Whether a command is about one peer.
pub(super) const fn is_for_a_peer(command: &Command) -> bool {
    !matches!(
        command,
        Command::Poll { .. } | Command::Quit | Command::Recv { .. } | Command::Peer { .. } | Command::Mtu { .. }
    )
}

/// Carries out a command. `known` are the peers in whose conversations timers run at a `poll`.
pub(super) async fn obey(
    client: &Client,
    clock: &Skippable,
    command: Command,
    to: &PeerId,
    known: &[PeerId],
) -> Answer {
    let done = match command {
        Command::Query => client.start(to).await,
        Command::Send { text, id } => client.send(to, &text, id).await.map(drop),
        Command::Ack { id } => client.acknowledge(to, id).await,
        Command::SmpStart { secret, question } => client.start_smp(to, &secret, question.as_deref()).await,
        Command::SmpRespond { secret } => client.respond_smp(to, &secret).await,
        Command::SmpAbort => client.abort_smp(to).await,
        Command::SymKey { usage, data } => {
            return client.use_extra_key(to, usage, &data).await.map_or_else(|error| refused(&error, "symkey"), done);
        }
        Command::End => match client.view(to).await {
            Ok(view) => match client.end(to).await {
                Ok(()) if view.privacy != Privacy::Plaintext => return Answer::Ended,
                ended => ended,
            },
            Err(error) => Err(error),
        },
        Command::Trust { fingerprint, verified } => {
            client.set_trust(to, fingerprint, translate::trust_level(verified)).await
        }
        Command::Release => client.release(to).await,
        Command::Outbox => match client.outbox(to).await {
            Ok(items) => return Answer::Outbox(items),
            Err(error) => Err(error),
        },
        Command::Cancel { id } => client.cancel(to, &id).await,
        Command::Clear { text } => client.send_clear(to, &text).await,
        Command::State => match client.view(to).await {
            Ok(view) => return Answer::State(Box::new(view)),
            Err(error) => Err(error),
        },
        Command::Subscribe => client.set_contact(to, true).await,
        Command::Poll { now } => {
            if let Some(moment) = now {
                clock.skip_to(moment);
            }
            run_timers(client, known).await
        }
        Command::Recv { .. } | Command::Peer { .. } | Command::Mtu { .. } => {
            let message = "there is a network inside: it says this by itself".to_owned();
            return Answer::Refused { code: "usage", message };
        }
        // Handled by the caller of this function.
        Command::Quit => Ok(()),
    };
    done.map_or_else(|error| refused(&error, "smp"), self::done)
}

/// A client looks at the clock with every wish; the second look comes after what the first one led to.
async fn run_timers(client: &Client, known: &[PeerId]) -> Result<(), ClientError> {
    for peer in known.iter().chain(known) {
        client.view(peer).await?;
    }
    Ok(())
}

const fn done((): ()) -> Answer {
    Answer::Done
}

fn refused(error: &ClientError, control: &'static str) -> Answer {
    let code = match error {
        ClientError::Send(refusal) => translate::refusal_code(refusal),
        ClientError::Control(_) => control,
        ClientError::Store(_) => "store",
        ClientError::Locked(_) => "damaged",
        ClientError::Busy => "busy",
        _ => "usage",
    };
    Answer::Refused { code, message: error.to_string() }
}
