//! An authority and a certificate for each server, made with `openssl`.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use super::{Certificate, DOMAIN, write};

/// The certificate of the authority that clients are to trust, in the server's folder.
pub(super) const CA: &str = "ca.pem";
/// The server's certificate, under the name by which prosody finds it for every kind of port.
pub(super) const CERTIFICATE: &str = "localhost.crt";
/// The server's private key.
pub(super) const KEY: &str = "localhost.key";
/// Certificate and key in one file.
pub(super) const BOTH: &str = "server.both.pem";

/// Signs without asking and believes the request, which is ours.
const SIGNING: &str = "\
[ca]
default_ca = ours
[ours]
new_certs_dir = .
database = index.txt
rand_serial = yes
default_md = sha256
policy = any
copy_extensions = copy
email_in_dn = no
unique_subject = no
[any]
commonName = supplied
[req]
distinguished_name = name
prompt = no
[name]
CN = Authority of a test
";

const NEW_KEY: &[&str] = &["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];

/// Makes [`CA`], [`CERTIFICATE`], [`KEY`] and [`BOTH`].
pub(super) fn make(folder: &Path, certificate: Certificate) -> Result<()> {
    write(&folder.join("signing.cnf"), SIGNING)?;
    write(&folder.join("index.txt"), "")?;
    authority(folder, "ca")?;
    let issuer = if certificate == Certificate::Foreign {
        authority(folder, "foreign")?;
        "foreign"
    } else {
        "ca"
    };
    let names = match certificate {
        Certificate::OtherName => "DNS:other.example".to_owned(),
        _ => format!("DNS:{DOMAIN},IP:127.0.0.1"),
    };
    let subject = names.split([':', ',']).nth(1).unwrap_or(DOMAIN);
    let request = [
        &["req", "-config", "signing.cnf", "-new"],
        NEW_KEY,
        &["-keyout", KEY, "-out", "server.csr", "-subj", &format!("/CN={subject}")],
        &["-addext", &format!("subjectAltName={names}"), "-addext", "basicConstraints=critical,CA:FALSE"],
    ];
    openssl(folder, &request.concat())?;
    let end = if certificate == Certificate::Expired { "20200201000000Z" } else { "20491231000000Z" };
    let sign = [
        &["ca", "-config", "signing.cnf", "-batch", "-notext"][..],
        &["-cert", &format!("{issuer}.pem"), "-keyfile", &format!("{issuer}.key")],
        &["-startdate", "20200101000000Z", "-enddate", end, "-in", "server.csr", "-out", CERTIFICATE],
    ];
    openssl(folder, &sign.concat())?;
    let both = [CERTIFICATE, KEY].map(|name| std::fs::read_to_string(folder.join(name)));
    let [certificate, key] = both;
    write(&folder.join(BOTH), &(certificate? + &key?))
}

fn authority(folder: &Path, name: &str) -> Result<()> {
    let arguments = [
        &["req", "-config", "signing.cnf", "-x509", "-days", "3650"],
        NEW_KEY,
        &["-keyout", &format!("{name}.key"), "-out", &format!("{name}.pem")],
        &["-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign,cRLSign"],
        &["-addext", "subjectKeyIdentifier=hash"],
    ];
    openssl(folder, &arguments.concat())
}

fn openssl(folder: &Path, arguments: &[&str]) -> Result<()> {
    let output = Command::new("openssl").args(arguments).current_dir(folder).output();
    let output = output.context("cannot start openssl")?;
    if !output.status.success() {
        bail!("openssl {arguments:?} failed: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}
