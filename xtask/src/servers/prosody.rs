//! Prosody: its configuration, its accounts and contacts as files of its internal storage.

use std::fmt::Write as _;
use std::process::Command;

use anyhow::Result;

use super::{Mechanisms, Server, certificates, contacts, write};
use crate::process::guarded;

pub(super) const PROGRAM: &str = "prosody";

/// Writes everything that it reads at its start.
pub(super) fn prepare(server: &Server) -> Result<()> {
    write(&server.path("prosody.cfg.lua"), &configuration(server)?)?;
    for account in server.accounts() {
        let file = |store: &str| server.path("data").join(server.domain()).join(store).join(format!("{account}.dat"));
        let password = server.password(account);
        write(&file("accounts"), &format!("return {{ [\"password\"] = {password:?} }};\n"))?;
        let mut roster = "return { [false] = { [\"version\"] = 1; [\"pending\"] = {} };\n".to_owned();
        for contact in contacts(account) {
            let jid = server.jid(contact);
            writeln!(roster, "[{jid:?}] = {{ [\"subscription\"] = \"both\"; [\"groups\"] = {{}} }};")?;
        }
        write(&file("roster"), &(roster + "};\n"))?;
    }
    Ok(())
}

pub(super) fn command(server: &Server) -> Result<Command> {
    let mut command = guarded(PROGRAM);
    command.arg("--config").arg(server.path("prosody.cfg.lua")).arg("-F");
    Ok(command)
}

fn configuration(server: &Server) -> Result<String> {
    let setup = &server.setup;
    let mut modules = vec!["roster", "saslauth", "disco", "ping", "blocklist", "private", "posix", "csi_simple"];
    modules.extend(["pep", "version", "time", "vcard_legacy"]);
    modules.extend(setup.starttls.then_some("tls"));
    modules.extend(setup.archive.then_some("mam"));
    modules.extend(setup.carbons.then_some("carbons"));
    modules.extend(setup.stream_management.then_some("smacks"));
    let mut off = vec!["s2s"];
    off.extend((!setup.starttls).then_some("tls"));

    let folder = server.folder.path();
    let mut text = String::new();
    writeln!(text, "run_as_root = true\ndaemonize = false\npidfile = {:?}", folder.join("pid"))?;
    writeln!(text, "data_path = {:?}\ncertificates = {folder:?}", folder.join("data"))?;
    writeln!(text, "log = {{ {{ levels = {{ min = \"debug\" }}, to = \"file\", filename = \"server.log\" }} }}")?;
    writeln!(text, "interfaces = {{ \"127.0.0.1\" }}\nlocal_interfaces = {{ \"127.0.0.1\" }}")?;
    writeln!(
        text,
        "c2s_ports = {{ {} }}\nc2s_direct_tls_ports = {{ {} }}",
        server.host_port().1,
        server.direct_tls_port()
    )?;
    writeln!(text, "modules_enabled = {}\nmodules_disabled = {}", list(&modules), list(&off))?;
    // The accounts lie there as text, so that every mechanism can be offered for the same account.
    let authentication = if setup.mechanisms == Mechanisms::None { "anonymous" } else { "internal_plain" };
    writeln!(text, "authentication = {authentication:?}\nstorage = \"internal\"")?;
    let disabled: &[&str] = match setup.mechanisms {
        Mechanisms::All | Mechanisms::None => &[],
        Mechanisms::ScramSha1 => &["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS", "SCRAM-SHA-1-PLUS"],
        Mechanisms::Plain => &["SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS", "SCRAM-SHA-1-PLUS"],
    };
    writeln!(text, "disable_sasl_mechanisms = {}", list(disabled))?;
    writeln!(text, "c2s_require_encryption = {}", setup.starttls)?;
    writeln!(text, "smacks_hibernation_time = {}\ndefault_archive_policy = true", setup.resumption)?;
    if let Some(bytes) = setup.max_stanza {
        writeln!(text, "c2s_stanza_size_limit = {bytes}")?;
    }
    let [certificate, key] = [certificates::CERTIFICATE, certificates::KEY].map(|name| folder.join(name));
    let protocol = if setup.tls13 { "tlsv1_2+" } else { "tlsv1_2" };
    let tls = format!("{{ certificate = {certificate:?}, key = {key:?}, protocol = {protocol:?} }}");
    writeln!(text, "ssl = {tls}\nc2s_direct_tls_ssl = {tls}\nVirtualHost {:?}\nssl = {tls}", server.domain())?;
    if let Some(messages) = setup.max_offline {
        writeln!(text, "storage_archive_item_limit = {messages}")?;
    }
    Ok(text)
}

fn list(words: &[&str]) -> String {
    let words: Vec<String> = words.iter().map(|word| format!("{word:?}")).collect();
    format!("{{ {} }}", words.join(", "))
}
