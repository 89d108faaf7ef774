//! Where the server of a domain is: SRV records, and what to do without them.

use core::net::IpAddr;

use hickory_resolver::TokioResolver;
use hickory_resolver::proto::rr::RData;
use o2tr::transport::OfflineReason;

use super::random;
use crate::config::{Config, HostPort, Security};
use crate::error::ConnectError;

/// The port of StartTLS (RFC 6120, section 14.7).
const PORT: u16 = 5222;

/// The customary port of direct TLS; XEP-0368 knows no other way than SRV records, so it is only a guess.
const DIRECT_PORT: u16 = 5223;

/// No more services of one domain are tried in one attempt.
const MAX_ROUTES: usize = 8;

/// One place where the server may be, and how TLS begins there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Route {
    /// A name in ASCII or a number.
    pub(super) host: String,
    pub(super) port: u16,
    /// With the first byte; otherwise by StartTLS.
    pub(super) direct: bool,
}

/// The places to try, in this order.
///
/// # Errors
/// [`OfflineReason::Address`]: the domain is no host name. [`OfflineReason::ProxyNeeded`].
/// [`OfflineReason::NoServer`]: the domain says that it has no such service.
pub(super) async fn routes(config: &Config, domain: &str) -> Result<Vec<Route>, ConnectError> {
    let direct = config.security == Security::DirectTls;
    let port = if direct { DIRECT_PORT } else { PORT };
    let route = match &config.server {
        Some(server) => Route { host: ascii(server.host())?, port: server.port(), direct },
        None => Route { host: ascii(domain)?, port, direct },
    };
    if config.proxy.is_none() && is_onion(&route.host) {
        return Err(OfflineReason::ProxyNeeded.into());
    }
    if config.server.is_some() || config.proxy.is_some() || has_no_records(&route.host) {
        return Ok(vec![route]);
    }
    let lookup = Lookup::of(&route.host, config.security).await;
    lookup.routes(route, random::number)
}

/// The form of a domain that DNS, TLS and proxies know.
pub(super) fn ascii(domain: &str) -> Result<String, ConnectError> {
    let domain = domain.strip_suffix('.').unwrap_or(domain);
    let domain = domain.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(domain);
    if domain.parse::<IpAddr>().is_ok() {
        return Ok(domain.to_owned());
    }
    let ascii = idna::domain_to_ascii(domain).map_err(|_| ConnectError::from(OfflineReason::Address))?;
    HostPort::new(&ascii, PORT).map_err(|_| ConnectError::from(OfflineReason::Address))?;
    Ok(ascii)
}

/// A name of Tor, which no public name server may be asked for (RFC 7686).
fn is_onion(host: &str) -> bool {
    host.rsplit('.').next().is_some_and(|last| last.eq_ignore_ascii_case("onion"))
}

/// A number, or this very machine (RFC 6761, section 6.3).
fn has_no_records(host: &str) -> bool {
    let last = host.rsplit('.').next().unwrap_or(host);
    host.parse::<IpAddr>().is_ok() || last.eq_ignore_ascii_case("localhost")
}

/// A service that an SRV record names (RFC 2782).
#[derive(Clone, Debug, PartialEq, Eq)]
struct Record {
    priority: u16,
    weight: u16,
    /// Empty for the root: the service is decidedly not available.
    target: String,
    port: u16,
    direct: bool,
}

/// What the name servers said.
#[derive(Debug, Default)]
struct Lookup {
    records: Vec<Record>,
    /// Whether the records would have named the service that is used without any.
    covers_fallback: bool,
}

impl Lookup {
    /// Asks for the services that `security` allows. An answer that does not come counts as none: the domain itself is
    /// tried then, and the certificate decides.
    async fn of(domain: &str, security: Security) -> Self {
        let Ok(resolver) = TokioResolver::builder_tokio().and_then(|builder| builder.build()) else {
            return Self::default();
        };
        let ask = |service: &'static str, direct: bool| {
            let (resolver, name) = (&resolver, format!("{service}._tcp.{domain}."));
            async move {
                let Ok(answer) = resolver.srv_lookup(name).await else { return Vec::new() };
                let records = answer.answers().iter().filter_map(|record| match &record.data {
                    RData::SRV(srv) => Some(Record {
                        priority: srv.priority,
                        weight: srv.weight,
                        target: srv.target.to_ascii().trim_end_matches('.').to_owned(),
                        port: srv.port,
                        direct,
                    }),
                    _ => None,
                });
                records.take(MAX_ROUTES * 4).collect::<Vec<_>>()
            }
        };
        let records = match security {
            Security::StartTls => ask("_xmpp-client", false).await,
            Security::DirectTls => ask("_xmpps-client", true).await,
            Security::Any => {
                let (mut both, more) = futures::join!(ask("_xmpps-client", true), ask("_xmpp-client", false));
                both.extend(more);
                both
            }
        };
        Self::new(records, security)
    }

    fn new(records: Vec<Record>, security: Security) -> Self {
        let fallback_is_direct = security == Security::DirectTls;
        let covers_fallback = records.iter().any(|record| record.direct == fallback_is_direct);
        Self { records, covers_fallback }
    }

    /// Merges the services by priority (XEP-0368, section 3) and, within one, at random by weight (RFC 2782). `random`
    /// gives a number uniform over all values.
    fn routes(self, fallback: Route, mut random: impl FnMut() -> u32) -> Result<Vec<Route>, ConnectError> {
        let mut left: Vec<_> = self.records.into_iter().filter(|r| !r.target.is_empty() && r.port != 0).collect();
        if left.is_empty() {
            let fallback = (!self.covers_fallback).then(|| vec![fallback]);
            return fallback.ok_or(OfflineReason::NoServer.into());
        }
        // The weightless come first, so that they are chosen when the number drawn is 0.
        left.sort_by_key(|record| (record.priority, record.weight != 0));
        let mut routes = Vec::new();
        while let Some(first) = left.first() {
            let same = left.iter().take_while(|record| record.priority == first.priority);
            let total: u64 = same.clone().map(|record| u64::from(record.weight)).sum();
            let drawn = (u64::from(random()) * (total + 1)) >> 32;
            let sums = same.scan(0, |sum, record| {
                *sum += u64::from(record.weight);
                Some(*sum)
            });
            let chosen = sums.take_while(|sum| *sum < drawn).count();
            let Record { target: host, port, direct, .. } = left.remove(chosen);
            routes.push(Route { host, port, direct });
        }
        routes.truncate(MAX_ROUTES);
        Ok(routes)
    }
}

#[cfg(test)]
mod tests {
    use o2tr::transport::PeerId;

    use super::*;
    use crate::config::{Password, Proxy};

    fn record(priority: u16, weight: u16, target: &str, direct: bool) -> Record {
        Record { priority, weight, target: target.to_owned(), port: 5222, direct }
    }

    fn route(host: &str, port: u16, direct: bool) -> Route {
        Route { host: host.to_owned(), port, direct }
    }

    fn order(records: Vec<Record>, security: Security, random: u32) -> Result<Vec<String>, OfflineReason> {
        let lookup = Lookup::new(records, security);
        match lookup.routes(route("example.org", 5222, false), || random) {
            Ok(routes) => Ok(routes.into_iter().map(|route| route.host).collect()),
            Err(error) => Err(error.reason()),
        }
    }

    #[test]
    fn both_services_are_merged_by_priority() {
        let records = vec![record(10, 0, "a", true), record(5, 0, "b", false), record(20, 0, "c", false)];
        assert_eq!(order(records, Security::Any, 0).unwrap(), ["b", "a", "c"]);
    }

    #[test]
    fn weight_decides_within_a_priority() {
        let records = vec![record(1, 0, "none", false), record(1, 10, "light", false), record(1, 90, "heavy", false)];
        assert_eq!(order(records.clone(), Security::Any, 0).unwrap()[0], "none");
        assert_eq!(order(records.clone(), Security::Any, u32::MAX / 20).unwrap()[0], "light");
        assert_eq!(order(records.clone(), Security::Any, u32::MAX / 2).unwrap()[0], "heavy");
        let all = order(records, Security::Any, u32::MAX).unwrap();
        assert_eq!(all, ["heavy", "light", "none"]);
    }

    #[test]
    fn a_root_target_means_that_there_is_none() {
        let none = |direct| record(0, 0, "", direct);
        assert_eq!(order(vec![none(false)], Security::Any, 0), Err(OfflineReason::NoServer));
        assert_eq!(order(vec![none(true)], Security::Any, 0).unwrap(), ["example.org"]);
        assert_eq!(order(vec![none(true)], Security::DirectTls, 0), Err(OfflineReason::NoServer));
        assert_eq!(order(vec![none(false), record(1, 1, "a", true)], Security::Any, 0).unwrap(), ["a"]);
        assert_eq!(order(Vec::new(), Security::Any, 0).unwrap(), ["example.org"]);
    }

    #[test]
    fn the_number_of_services_is_limited() {
        let many = (0..100).map(|n| record(n, 0, "a", false)).collect();
        assert_eq!(order(many, Security::Any, 7).unwrap().len(), MAX_ROUTES);
    }

    #[tokio::test]
    async fn a_server_or_a_proxy_leaves_nothing_to_look_up() {
        let mut config = Config::new(PeerId::new("alice@bücher.example"), Password::from("x"));
        config.proxy = Some("socks5://127.0.0.1:9050".parse::<Proxy>().unwrap());
        let found = routes(&config, "bücher.example").await.unwrap();
        assert_eq!(found, [route("xn--bcher-kva.example", 5222, false)]);
        config.security = Security::DirectTls;
        assert_eq!(routes(&config, "localhost").await.unwrap(), [route("localhost", 5223, true)]);
        config.server = Some("[::1]:443".parse().unwrap());
        assert_eq!(routes(&config, "localhost").await.unwrap(), [route("::1", 443, true)]);
        config.proxy = None;
        assert_eq!(routes(&config, "localhost").await.unwrap(), [route("::1", 443, true)]);
        config.server = None;
        assert_eq!(routes(&config, "127.0.0.1").await.unwrap(), [route("127.0.0.1", 5223, true)]);
    }

    #[tokio::test]
    async fn an_onion_needs_a_proxy() {
        let mut config = Config::new(PeerId::new("alice@abc.onion"), Password::from("x"));
        let refused = routes(&config, "abc.onion").await.unwrap_err();
        assert_eq!((refused.reason(), refused.permanent()), (OfflineReason::ProxyNeeded, true));
        config.proxy = Some("socks5://127.0.0.1:9050".parse::<Proxy>().unwrap());
        assert_eq!(routes(&config, "abc.onion").await.unwrap(), [route("abc.onion", 5222, false)]);
        config.proxy = None;
        config.server = Some("127.0.0.1:5222".parse().unwrap());
        assert_eq!(routes(&config, "abc.onion").await.unwrap(), [route("127.0.0.1", 5222, false)]);
    }

    #[test]
    fn domains_get_their_ascii_form() {
        assert_eq!(ascii("example.org.").unwrap(), "example.org");
        assert_eq!(ascii("[::1]").unwrap(), "::1");
        for bad in ["", "exa mple", "a/b", &"a.".repeat(200)] {
            assert_eq!(ascii(bad).unwrap_err().reason(), OfflineReason::Address, "{bad}");
        }
    }
}
