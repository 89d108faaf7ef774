//! ejabberd: its configuration; accounts and contacts are made at the first start, by the server itself.
//!
//! It runs without Erlang's distribution, so nothing listens but what the configuration names, and no `epmd` is needed.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use anyhow::Result;

use super::{Mechanisms, Server, certificates, contacts, write};
use crate::process::guarded;

/// Its package depends on Erlang, which is what we start.
pub(super) const PROGRAM: &str = "ejabberdctl";

/// Evaluated at each start when the server runs. The last thing it does is to write [`READY`].
const START: &str = "start.erl";

/// Is there when [`START`] has been evaluated.
const READY: &str = "ready";

const WRITE_READY: &str = "ok = file:write_file(\"ready\", <<>>).\n";

/// Where Debian keeps Erlang's libraries: one folder per architecture.
const LIBRARIES: &str = "/usr/lib";

const EVERY_SCRAM: &[&str] =
    &["SCRAM-SHA-1", "SCRAM-SHA-1-PLUS", "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS", "SCRAM-SHA-512", "SCRAM-SHA-512-PLUS"];

/// Writes everything that it reads at its start.
pub(super) fn prepare(server: &Server) -> Result<()> {
    write(&server.path("ejabberd.yml"), &configuration(server)?)?;
    let domain = server.domain();
    let mut start = String::new();
    for account in server.accounts() {
        let password = server.password(account);
        writeln!(start, "ok = ejabberd_auth:try_register(<<{account:?}>>, <<{domain:?}>>, <<{password:?}>>).")?;
        for contact in contacts(account) {
            writeln!(
                start,
                "ok = mod_admin_extra:add_rosteritem(<<{account:?}>>, <<{domain:?}>>, <<{contact:?}>>, <<{domain:?}>>, \
                 <<>>, <<>>, <<\"both\">>)."
            )?;
        }
    }
    // Else they could be gone when it is killed within its first seconds.
    start.push_str("[ok = dets:sync(Table) || Table <- [passwd, roster]].\n");
    write(&server.path(START), &(start + WRITE_READY))
}

pub(super) fn command(server: &Server) -> Result<Command> {
    let folder = server.folder.path();
    let _ = std::fs::remove_file(server.path(READY));
    let mut command = guarded("erl");
    command
        .args(["-noshell", "-noinput", "+P", "250000", "-ejabberd", "quiet", "true"])
        // Schedulers that have nothing to do sleep at once: others need the processor.
        .args(["+S", "2:2", "+sbwt", "none", "+sbwtdcpu", "none", "+sbwtdio", "none"])
        .arg("-mnesia")
        .arg("dir")
        .arg(format!("{:?}", server.path("mnesia")))
        .args(["-s", "ejabberd", "-eval", "file:eval(\"start.erl\")."])
        .env("EJABBERD_CONFIG_PATH", server.path("ejabberd.yml"))
        .env("EJABBERD_LOG_PATH", server.path("server.log"))
        .env("ERL_CRASH_DUMP", "/dev/null")
        .env("ERL_LIBS", libraries()?)
        .env("HOME", folder);
    Ok(command)
}

/// Whether the accounts are there. From then on they are left as the tests make them.
pub(super) fn is_ready(server: &Server) -> Result<bool> {
    let ready = server.path(READY).is_file();
    if ready {
        write(&server.path(START), WRITE_READY)?;
    }
    Ok(ready)
}

fn libraries() -> Result<String> {
    let mut folders = vec![LIBRARIES.to_owned()];
    for entry in Path::new(LIBRARIES).read_dir()?.flatten() {
        if entry.file_name().to_string_lossy().ends_with("-linux-gnu") {
            folders.push(entry.path().display().to_string());
        }
    }
    Ok(folders.join(":"))
}

fn configuration(server: &Server) -> Result<String> {
    let setup = &server.setup;
    let both = server.path(certificates::BOTH);
    let mut text = String::new();
    writeln!(text, "hosts: [{}]\nloglevel: debug\nlog_rotate_count: 0", server.domain())?;
    writeln!(text, "certfiles: [{both:?}]\nca_file: {:?}", server.ca_file())?;
    text.push_str("listen:\n");
    for (port, tls) in [(server.host_port().1, false), (server.direct_tls_port(), true)] {
        writeln!(text, "  - port: {port}\n    ip: \"127.0.0.1\"\n    module: ejabberd_c2s")?;
        writeln!(text, "    max_stanza_size: {}", setup.max_stanza.unwrap_or(256 * 1024))?;
        let encryption: &[&str] = match (tls, setup.starttls) {
            (true, _) => &["tls: true"],
            (false, true) => &["starttls: true", "starttls_required: true"],
            (false, false) => &["starttls: false"],
        };
        for line in encryption {
            writeln!(text, "    {line}")?;
        }
    }
    let mut tls = vec!["no_sslv3", "no_tlsv1", "no_tlsv1_1"];
    tls.extend((!setup.tls13).then_some("no_tlsv1_3"));
    writeln!(text, "c2s_protocol_options: {}", list(&tls))?;
    match setup.mechanisms {
        Mechanisms::None => text.push_str("auth_method: [anonymous]\nanonymous_protocol: sasl_anon\n"),
        _ => text.push_str("auth_method: [internal]\nauth_password_format: plain\n"),
    }
    let mut disabled = vec!["DIGEST-MD5", "X-OAUTH2"];
    match setup.mechanisms {
        Mechanisms::All => {}
        Mechanisms::ScramSha1 => {
            disabled.push("PLAIN");
            disabled.extend(EVERY_SCRAM.iter().filter(|name| **name != "SCRAM-SHA-1"));
        }
        Mechanisms::Plain => disabled.extend(EVERY_SCRAM),
        Mechanisms::None => {
            disabled.push("PLAIN");
            disabled.extend(EVERY_SCRAM);
        }
    }
    writeln!(text, "disable_sasl_mechanisms: {}", list(&disabled))?;
    if let Some(messages) = setup.max_offline {
        writeln!(text, "shaper_rules:\n  max_user_offline_messages:\n    {messages}: all")?;
    }
    text.push_str("modules:\n  mod_admin_extra: {}\n  mod_roster: {}\n  mod_disco: {}\n  mod_ping: {}\n");
    text.push_str("  mod_private: {}\n  mod_privacy: {}\n  mod_blocking: {}\n  mod_vcard: {}\n  mod_version: {}\n");
    text.push_str("  mod_offline: {}\n  mod_client_state: {}\n  mod_caps: {}\n");
    if setup.archive {
        text.push_str("  mod_mam:\n    default: always\n    assume_mam_usage: true\n");
    }
    if setup.carbons {
        text.push_str("  mod_carboncopy: {}\n");
    }
    if setup.stream_management {
        writeln!(text, "  mod_stream_mgmt:\n    resume_timeout: {}", setup.resumption)?;
        text.push_str("    resend_on_timeout: if_offline\n");
    }
    Ok(text)
}

fn list(words: &[&str]) -> String {
    let words: Vec<String> = words.iter().map(|word| format!("{word:?}")).collect();
    format!("[{}]", words.join(", "))
}
