//! Hosts in arguments: of a URL, or bare.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

/// One host, `example.com`, or all below a name, `*.example.com`.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(super) struct Host {
    /// INVARIANT (host name): as [`is_name`] has it, in lower case.
    name: Box<str>,
    /// Whether it is what lies below the name, at any depth, and not the name itself.
    below: bool,
}

/// RFC 1035 section 2.3.4.
const NAME_BYTES_MAX: usize = 253;
const LABEL_BYTES_MAX: usize = 63;
/// Whose host is who is asked.
const SCHEMES: [&str; 4] = ["https", "http", "wss", "ws"];

/// Whether it is a host's name: labels of letters, digits, `-` and `_`, with dots between them. An IPv4
/// address reads as one.
fn is_name(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    text.len() <= NAME_BYTES_MAX
        && text
            .split('.')
            .all(|label| (1..=LABEL_BYTES_MAX).contains(&label.len()) && label.bytes().all(fits))
}

/// The host that a URL leads to, or that the text is, `:port` left out; `None` where two readers could
/// disagree about it.
///
/// A backslash, a space, a control character, anything but ASCII or a `%` before the path, an empty host,
/// and an `@` anywhere before the path: some clients take such text for another host than others do (RFC
/// 3986 section 3.2 and the WHATWG URL standard differ). So does a scheme that not everybody asks its
/// host for, such as `file`. Addresses in brackets are for `cidr`.
fn host_of(text: &str) -> Option<&str> {
    let odd = |byte: u8| byte <= b' ' || byte >= 0x7f || byte == b'\\';
    if text.bytes().any(odd) {
        return None;
    }
    let authority = match text.split_once("://") {
        Some((scheme, rest)) => {
            let web = SCHEMES
                .iter()
                .any(|known| scheme.eq_ignore_ascii_case(known));
            let before_path = rest.split('/').next().unwrap_or_default();
            if !web || before_path.contains('@') {
                return None;
            }
            before_path.split(['?', '#']).next().unwrap_or_default()
        }
        None => text,
    };
    let host = match authority.split_once(':') {
        Some((host, port)) => {
            let port_fits =
                (1..=5).contains(&port.len()) && port.bytes().all(|byte| byte.is_ascii_digit());
            port_fits.then_some(host)?
        }
        None => authority,
    };
    is_name(host).then_some(host)
}

impl Host {
    fn parse(text: &str) -> Option<Self> {
        let (name, below) = match text.strip_prefix("*.") {
            Some(name) => (name, true),
            None => (text, false),
        };
        is_name(name).then(|| Self {
            name: name.to_ascii_lowercase().into(),
            below,
        })
    }

    /// Whether `name` is the host, or below its name; letters count alike in both cases.
    fn has(&self, name: &str) -> bool {
        if !self.below {
            return name.eq_ignore_ascii_case(&self.name);
        }
        let start = name.len().checked_sub(self.name.len());
        let parts = start.and_then(|start| name.split_at_checked(start));
        parts.is_some_and(|(before, end)| {
            before.len() > 1 && before.ends_with('.') && end.eq_ignore_ascii_case(&self.name)
        })
    }

    fn contains(&self, other: &Self) -> bool {
        match (self.below, other.below) {
            (false, true) => false,
            (true, true) => self.name == other.name || self.has(&other.name),
            (_, false) => self.has(&other.name),
        }
    }
}

/// Whether `text` leads to one of these hosts.
pub(super) fn any_has(hosts: &[Host], text: &str) -> bool {
    host_of(text).is_some_and(|name| hosts.iter().any(|host| host.has(name)))
}

/// Whether it is clear from `text` to which host it leads.
pub(super) fn is_plain(text: &str) -> bool {
    host_of(text).is_some()
}

/// Hosts with commas between them.
pub(super) fn parse_list(text: &str) -> Option<Vec<Host>> {
    let hosts: Option<Vec<Host>> = text.split(',').map(Host::parse).collect();
    hosts.map(|hosts| widest(hosts.into_iter()))
}

/// The hosts in both lists. Two of them nest, or have nothing in common.
pub(super) fn meet(some: &[Host], others: &[Host]) -> Vec<Host> {
    let pairs = some
        .iter()
        .flat_map(|one| others.iter().map(move |other| (one, other)));
    let both = pairs.filter_map(|(one, other)| {
        if one.contains(other) {
            Some(other.clone())
        } else {
            other.contains(one).then(|| one.clone())
        }
    });
    widest(both)
}

/// Sorted, and none within another.
fn widest(hosts: impl Iterator<Item = Host>) -> Vec<Host> {
    let mut kept: Vec<Host> = Vec::new();
    for host in hosts {
        if !kept.iter().any(|known| known.contains(&host)) {
            kept.retain(|known| !host.contains(known));
            kept.push(host);
        }
    }
    kept.sort_unstable();
    kept
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let star = if self.below { "*." } else { "" };
        write!(f, "{star}{}", self.name)
    }
}
