//! Where to connect when somebody between us anchors media (RFC 6714).

use core::net::IpAddr;

use super::{Media, Setup};
use crate::Config;
use crate::profile::ConnectTo;
use crate::wire::sdp::{Hop, hops};

/// What an offer makes of CEMA.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ByOffer {
    /// Whether the answer says `a=msrp-cema`.
    pub(super) said: bool,
    /// Whether to connect to c= and m=, if we connect.
    pub(super) aside: bool,
}

/// What the answerer makes of an offer (§4.3). `None`: it is to be refused, since whoever changed its address does not
/// speak CEMA. `ours`: whether we have a relay, which is whom we connect to then.
pub(super) fn by_offer(how: ConnectTo, ours: Relays, line: &Media) -> Option<ByOffer> {
    let plain = ByOffer {
        said: false,
        aside: false,
    };
    let direct = ours == Relays::None;
    match how {
        ConnectTo::PathUri => return Some(plain),
        ConnectTo::CmLine => {
            return Some(ByOffer {
                said: false,
                aside: direct,
            });
        }
        ConnectTo::Auto | ConnectTo::Cema => {}
    }
    if !line.cema {
        let changed = matched(line) == Match::Different;
        return (!changed).then_some(plain);
    }
    let theirs = Relays::of(line);
    let offerer_connects = !matches!(line.setup, Some(Setup::Actpass | Setup::Passive));
    let by_path = match (theirs, ours) {
        // Criteria 1, 2 and 3: whoever connects does so through a relay.
        (Relays::Some, Relays::Some) => true,
        (Relays::Some, Relays::None) => offerer_connects,
        (Relays::None, Relays::Some) => line.setup == Some(Setup::Passive),
        (Relays::None, Relays::None) => false,
    };
    if by_path {
        return Some(plain);
    }
    Some(ByOffer {
        said: true,
        aside: direct,
    })
}

/// Whether the offerer, if it connects, connects to c= and m= of the answer (§4.2). `None`: it is to offer again.
pub(super) fn by_answer(
    how: ConnectTo,
    ours: Relays,
    offered: bool,
    connect: bool,
    line: &Media,
) -> Option<bool> {
    let direct = ours == Relays::None;
    match how {
        ConnectTo::PathUri => return Some(false),
        ConnectTo::CmLine => return Some(direct),
        ConnectTo::Auto | ConnectTo::Cema if !offered => return Some(false),
        ConnectTo::Auto | ConnectTo::Cema => {}
    }
    let relayed = Relays::of(line) == Relays::Some;
    let changed = matched(line) == Match::Different;
    // Criteria 1, 2 and 3.
    if !line.cema && changed && (!connect || relayed || !direct) {
        return None;
    }
    // Where nobody has anchored anything, the peer's relay is where the path says.
    Some(direct && (changed || !relayed))
}

/// Whether there are relays on one side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Relays {
    None,
    Some,
}

impl Relays {
    /// On our side.
    pub(super) fn ours(config: &Config) -> Self {
        match config.route.is_empty() {
            true => Self::None,
            false => Self::Some,
        }
    }

    /// In the path of a line's author.
    fn of(line: &Media) -> Self {
        match hops(line.path()).is_some_and(|hops| hops.count() > 1) {
            true => Self::Some,
            false => Self::None,
        }
    }
}

/// How c= and m= of a line compare with its path (§4.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Match {
    /// They are one of the places in it.
    Same,
    /// They are none of them.
    Different,
    /// One has a name and the other an address, and what that stands for nobody here can look up; or there is
    /// nothing to connect to. Never a reason to refuse.
    Unknown,
}

fn matched(line: &Media) -> Match {
    let Some((host, port)) = line.place() else {
        return Match::Unknown;
    };
    let mut found = Match::Different;
    for hop in hops(line.path()).into_iter().flatten() {
        match matches(host, port, &hop) {
            Match::Same => return Match::Same,
            Match::Unknown => found = Match::Unknown,
            Match::Different => {}
        }
    }
    found
}

fn matches(host: &str, port: u16, hop: &Hop<'_>) -> Match {
    let number = |host: &str| host.parse::<IpAddr>().ok();
    let same = match (number(host), number(hop.host)) {
        (Some(ours), Some(theirs)) => ours == theirs,
        (None, None) if host.eq_ignore_ascii_case(hop.host) => true,
        _ => return Match::Unknown,
    };
    // Whoever connects may say so in one of the two only (RFC 4145 §4).
    if !hop.is_reachable() {
        Match::Unknown
    } else if same && port == hop.port {
        Match::Same
    } else {
        Match::Different
    }
}
