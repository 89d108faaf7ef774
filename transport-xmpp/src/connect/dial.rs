//! TCP, directly or through a proxy.

use core::net::IpAddr;
use core::net::SocketAddr;

use o2tr::transport::OfflineReason;
use tokio::net::TcpStream;
use tokio_socks::tcp::Socks5Stream;
use tokio_socks::{Error as SocksError, TargetAddr};

use super::resolve::Route;
use super::within;
use crate::config::{Config, HostPort, Proxy};
use crate::error::ConnectError;

/// No more addresses of one host are tried in one attempt.
const MAX_ADDRESSES: usize = 4;

/// Where a connection for a route can be opened.
#[derive(Clone, Debug)]
pub(super) enum Place<'a> {
    /// At this address.
    Direct(SocketAddr),
    /// Wherever the proxy finds the host.
    Proxied(&'a Proxy, &'a Route),
}

/// The places of a route; without a proxy, one for each address of its host.
///
/// # Errors
/// [`OfflineReason::NoServer`]: the host has no address. [`OfflineReason::Timeout`].
pub(super) async fn places<'a>(config: &'a Config, route: &'a Route) -> Result<Vec<Place<'a>>, ConnectError> {
    if let Some(proxy) = &config.proxy {
        return Ok(vec![Place::Proxied(proxy, route)]);
    }
    let addresses = lookup(config, &route.host, route.port, OfflineReason::NoServer).await?;
    Ok(addresses.into_iter().map(Place::Direct).collect())
}

impl Place<'_> {
    /// Opens a connection.
    ///
    /// # Errors
    /// [`OfflineReason::Unreachable`], [`OfflineReason::Proxy`], [`OfflineReason::ProxyRefused`],
    /// [`OfflineReason::Timeout`].
    pub(super) async fn dial(&self, config: &Config) -> Result<TcpStream, ConnectError> {
        let stream = match self {
            Place::Direct(address) => tcp(config, *address, OfflineReason::Unreachable).await?,
            Place::Proxied(proxy, route) => {
                let stream = to_proxy(config, &proxy.server).await?;
                within(config, through(stream, proxy, route)).await??
            }
        };
        // Stanzas are small and each is flushed; waiting for more helps nobody.
        let _ = stream.set_nodelay(true);
        Ok(stream)
    }
}

async fn tcp(config: &Config, address: SocketAddr, otherwise: OfflineReason) -> Result<TcpStream, ConnectError> {
    within(config, TcpStream::connect(address)).await?.map_err(|_| otherwise.into())
}

/// The operating system's look-up, so that its hosts file and its other sources count.
async fn lookup(config: &Config, host: &str, port: u16, none: OfflineReason) -> Result<Vec<SocketAddr>, ConnectError> {
    let found = within(config, tokio::net::lookup_host((host, port))).await?;
    let addresses: Vec<_> = found.map_err(|_| ConnectError::from(none))?.take(MAX_ADDRESSES).collect();
    if addresses.is_empty() { Err(none.into()) } else { Ok(addresses) }
}

async fn to_proxy(config: &Config, proxy: &HostPort) -> Result<TcpStream, ConnectError> {
    let mut failed = OfflineReason::Proxy.into();
    for address in lookup(config, proxy.host(), proxy.port(), OfflineReason::Proxy).await? {
        match tcp(config, address, OfflineReason::Proxy).await {
            Ok(stream) => return Ok(stream),
            Err(error) => failed = error,
        }
    }
    Err(failed)
}

/// Has the proxy connect to the host by its name.
async fn through(stream: TcpStream, proxy: &Proxy, route: &Route) -> Result<TcpStream, ConnectError> {
    let target = match route.host.parse::<IpAddr>() {
        Ok(number) => TargetAddr::Ip(SocketAddr::new(number, route.port)),
        Err(_) => TargetAddr::Domain(route.host.as_str().into(), route.port),
    };
    let opened = match &proxy.login {
        None => Socks5Stream::connect_with_socket(stream, target).await,
        Some(login) => {
            let password = login.password.reveal();
            Socks5Stream::connect_with_password_and_socket(stream, target, &login.user, password).await
        }
    };
    opened.map(Socks5Stream::into_inner).map_err(|error| of_socks(&error).into())
}

/// What the proxy's answer means (RFC 1928, section 6; RFC 1929, section 2).
const fn of_socks(error: &SocksError) -> OfflineReason {
    match error {
        SocksError::GeneralSocksServerFailure
        | SocksError::NetworkUnreachable
        | SocksError::HostUnreachable
        | SocksError::ConnectionRefused
        | SocksError::TtlExpired => OfflineReason::Unreachable,
        SocksError::NoAcceptableAuthMethods
        | SocksError::UnknownAuthMethod
        | SocksError::ConnectionNotAllowedByRuleset
        | SocksError::CommandNotSupported
        | SocksError::AddressTypeNotSupported
        | SocksError::InvalidAuthValues(_)
        | SocksError::PasswordAuthFailure(_)
        | SocksError::AuthorizationRequired
        | SocksError::IdentdAuthFailure
        | SocksError::InvalidUserIdAuthFailure => OfflineReason::ProxyRefused,
        SocksError::Io(_)
        | SocksError::ParseError(_)
        | SocksError::InvalidTargetAddress(_)
        | SocksError::ProxyServerUnreachable
        | SocksError::InvalidResponseVersion
        | SocksError::UnknownError
        | SocksError::InvalidReservedByte
        | SocksError::UnknownAddressType => OfflineReason::Proxy,
    }
}
