//! MSRP offer and answer over SDP (RFC 3264, RFC 4975 §8, RFC 6135, RFC 6714), as pure functions.
//!
//! Configuration, what was drawn and what arrived go in; a description and what it agrees on come out.
//! Table 3.5 of the requirements says what of an offer reappears in the answer. Reading and writing
//! the text is done in [`wire::sdp`](crate::wire::sdp); here is decided what it means.
//!
//! The legs of the roles use nothing else, and neither need a host that has dialogs of its own:
//!
//! ```
//! use bytes::BytesMut;
//! use simple_im::offer::{self, Change, Concluded, Later, Mint, Standing, Wanted};
//! use simple_im::wire::sdp::{self, Direction};
//! use simple_im::{Account, Config, MsrpAuthority, SessionId, Uri};
//!
//! # fn config(name: &str) -> Result<Config, simple_im::Flaw> {
//! #     let address = Uri::copy(&format!("sip:{name}@example.com"))?;
//! #     let msrp = MsrpAuthority { host: format!("{name}.example.com"), port: 2855, tls: false };
//! #     Ok(Config::new(Account::new(address.clone(), address), msrp, [1, 2]))
//! # }
//! let (alice, bob) = (config("alice")?, config("bob")?);
//! let mut out = BytesMut::new();
//! // Random in earnest.
//! let drawn = |octet| Mint { id: SessionId([octet; 10]), number: u64::from(octet) };
//!
//! let wanted = Wanted { direction: Direction::SendRecv, accept_types: "text/plain", ..Wanted::default() };
//! let offered = offer::offer(&alice, drawn(1), &wanted, &mut out);
//! let arrived = sdp::parse(&offered.sdp)?;
//! let answered = offer::answer(&bob, drawn(2), &arrived, 65_536, &mut out).expect("good for both");
//! let Ok(Concluded::Agreed(agreed)) = offer::conclude(&alice, &offered, &sdp::parse(&answered.sdp)?) else {
//!     panic!("good for both");
//! };
//! // One connects, and the other awaits it.
//! assert!(agreed.connect && !answered.media.connect);
//!
//! // Later the same offer comes once more: the session is refreshed, and nothing changes.
//! let standing = Standing { ours: &answered.sdp, origin: arrived.origin(), media: &answered.media };
//! let later = offer::answer_later(&bob, &standing, &arrived, 65_536, Change::Accepted, &mut out);
//! assert_eq!(later, Ok(Later::Same));
//! # Ok::<(), simple_im::Flaw>(())
//! ```

use alloc::string::String;

use bytes::{Bytes, BytesMut};

use crate::profile::{ConnectTo, SetupAnswer, SetupOffer};
use crate::wire::sdp::{self, FileAttributes};
use crate::{Config, Failure, SessionId, Status};

mod agreed;
mod cema;
mod draft;
mod later;
mod shape;

pub use agreed::Negotiated;
pub use later::{Change, Later, Standing, answer_later, without_cema};
pub use shape::{ContactTag, Shape};

pub(crate) use crate::wire::sdp::{Description, Direction, Kind, Media, Proto, Setup};
pub(crate) use agreed::matches_any;
use agreed::{overlap, path_and_types};
use cema::Relays;
use draft::{Draft, Files};

/// What is drawn for a description of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mint {
    /// The id of the MSRP session: 80 random bits (RFC 4975 §14.1).
    pub id: SessionId,
    /// The session id and first version of `o=`, taken modulo 2⁶² so that versions can be counted up.
    pub number: u64,
}

/// What we want of an offer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wanted<'a> {
    /// Who sends, as we see it.
    pub direction: Direction,
    /// The media types that we receive, separated by blanks.
    pub accept_types: &'a str,
    /// The media types that we receive inside a container; empty for none.
    pub accept_wrapped_types: &'a str,
    /// The size of the message that we announce, in octets (OC-LM-26).
    pub filelength: Option<u64>,
    /// The largest message that we receive, in octets.
    pub max_size: Option<u64>,
    /// Whether it may say who we are.
    pub identity: Identity,
    /// The title of the media; empty for none.
    pub info: &'a str,
    /// Attribute lines of a file, to be written as they are.
    pub file: &'a str,
}

/// Whether a description of ours may say who we are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Identity {
    /// `o=` names user and device.
    #[default]
    Shown,
    /// `o=` names neither (CC-99).
    Hidden,
}

/// An offer of ours, to be sent and to be compared with its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offered {
    /// The description.
    pub sdp: Bytes,
    /// Our MSRP URI.
    pub own: Bytes,
    /// Our session id.
    pub id: SessionId,
    /// Who is to connect.
    pub setup: Option<Setup>,
    /// Who is to send.
    pub direction: Direction,
    /// Whether it says `a=msrp-cema`.
    pub cema: bool,
}

/// Writes an offer of one MSRP line (UP-01) into `out`, which is empty, and splits it off.
pub fn offer(config: &Config, mint: Mint, wanted: &Wanted<'_>, out: &mut BytesMut) -> Offered {
    let setup = match config.profile.setup_offer {
        SetupOffer::Actpass => Some(Setup::Actpass),
        SetupOffer::Active => Some(Setup::Active),
        SetupOffer::Omit => None,
    };
    // Nobody speaks CEMA without a=setup, nor through a relay with another value than this (RFC 6714 §4.2).
    let cema = config.profile.connect_to == ConnectTo::Cema && setup.is_some();
    let setup = match Relays::ours(config) {
        Relays::Some if cema => Some(Setup::Actpass),
        Relays::Some | Relays::None => setup,
    };
    let draft = Draft {
        config,
        mint,
        answers: None,
        info: wanted.info,
        setup,
        cema,
        accept_types: wanted.accept_types,
        accept_wrapped_types: wanted.accept_wrapped_types,
        max_size: wanted.max_size,
        direction: wanted.direction,
        filelength: wanted.filelength,
        files: Files::Copied(wanted.file),
        identity: wanted.identity,
    };
    let (sdp, own) = draft.write(out);
    Offered {
        sdp,
        own,
        id: mint.id,
        setup,
        direction: wanted.direction,
        cema,
    }
}

/// What of an offer goes on in the offers of a controlling function: the last column of table 3.5. Copied, so that it
/// outlives the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forwarded {
    accept_types: String,
    accept_wrapped_types: String,
    info: String,
    file: String,
    direction: Direction,
    filelength: Option<u64>,
}

impl Forwarded {
    /// Selects from the line that counts, the first message line that is open. Of an originator who hides, the
    /// title stays behind: it may be a name.
    pub fn select(config: &Config, offered: &Description, originator: Identity) -> Self {
        let account = &config.account;
        let line = offered.message();
        let types = |of: fn(&Media) -> &str, ours: &str| selected(line.map_or("", of), ours);
        let copied = |line: &Media| {
            let lines = line.lines().filter(|line| {
                let attribute = line.attribute();
                attribute.is_some_and(|attribute| FILE.contains(&attribute.name))
            });
            let text = lines.map(|line| core::str::from_utf8(line.raw()).unwrap_or_default());
            text.collect()
        };
        let info = match originator {
            Identity::Shown => line.map_or("", Media::info),
            Identity::Hidden => "",
        };
        Self {
            accept_types: types(Media::accept_types, &account.accept_types),
            accept_wrapped_types: types(Media::accept_wrapped_types, &account.accept_wrapped_types),
            info: info.into(),
            file: line.map(copied).unwrap_or_default(),
            direction: offered.direction(),
            filelength: offered.filelength(),
        }
    }

    /// An offer of that; `limit` is the largest message that we take, in octets.
    pub fn wanted(&self, limit: u64) -> Wanted<'_> {
        Wanted {
            direction: self.direction,
            accept_types: &self.accept_types,
            accept_wrapped_types: &self.accept_wrapped_types,
            filelength: self.filelength,
            max_size: self.direction.receives().then_some(limit),
            // The server's own, who has nothing to hide.
            identity: Identity::Shown,
            info: &self.info,
            file: &self.file,
        }
    }
}

/// The attributes of a file, RFC 5547 and draft.
const FILE: [&str; 10] = [
    "file-selector",
    "file-transfer-id",
    "file-disposition",
    "file-date",
    "file-icon",
    "file-range",
    "filename",
    "filetype",
    "filesize",
    "disposition",
];

/// Types of the offer that our policy knows; `*` is whatever we know (CF-LM-16).
fn selected(offered: &str, ours: &str) -> String {
    let known = offered
        .split_ascii_whitespace()
        .filter(|kind| *kind != "*" && matches_any(ours, kind));
    let mut selected = String::new();
    for kind in known {
        if !selected.is_empty() {
            selected.push(' ');
        }
        selected.push_str(kind);
    }
    if selected.is_empty() {
        String::from(ours)
    } else {
        selected
    }
}

/// An answer of ours, and what it makes of the session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered {
    /// The description.
    pub sdp: Bytes,
    /// Our MSRP URI.
    pub own: Bytes,
    /// What is agreed on.
    pub media: Negotiated,
}

/// Why an offer is not acceptable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The status to answer.
    pub status: Status,
    /// The code and text of a Warning (RFC 3261 §20.43).
    pub warning: Option<(u16, &'static str)>,
}

impl Refused {
    const fn warned(code: u16, text: &'static str) -> Self {
        Self {
            status: Status(488),
            warning: Some((code, text)),
        }
    }

    /// No message line that is open.
    const NO_MEDIA: Self = Self::warned(304, "Media type not available");
    /// A protocol that we do not speak.
    const PROTOCOL: Self = Self::warned(302, "Incompatible transport protocol");
    /// No media type that would do. In RFC 3261's words a format, since the media is `message`.
    const FORMAT: Self = Self::warned(305, "Incompatible media format");
    /// A file that nobody can make out.
    const FILE: Self = Self::warned(306, "Attribute not understood");
    /// A path that is missing or that nobody can use.
    const PATH: Self = Self::warned(307, "Session description parameter not understood");
    /// Somebody between us has changed one address and not the other (RFC 6714 §4.3).
    const ADDRESS: Self = Self::warned(399, "Address differs from path and msrp-cema is absent");
    /// A later offer with fewer lines than there were (RFC 3264 §8).
    const FEWER: Self = Self::warned(399, "Media lines are missing");
    /// A later offer that wants another session (G-10).
    const FIXED: Self = Self::warned(399, "Session cannot be changed");
}

/// Accepts the first message line that is acceptable and refuses the others (RFC 3264 §6). Writes the answer into
/// `out`, which is empty, and splits it off.
///
/// `limit` is the largest message that we take, in octets.
///
/// # Errors
///
/// What to refuse the whole with. It says what is wrong with the first message line, which its
/// author likes best, and nothing has been written.
pub fn answer(
    config: &Config,
    mint: Mint,
    offered: &Description,
    limit: u64,
    out: &mut BytesMut,
) -> Result<Answered, Refused> {
    let mut refused = None;
    let mut lines = offered.media().iter().enumerate();
    let (place, line, judged) = loop {
        let Some((place, line)) = lines.next() else {
            return Err(refused.unwrap_or(Refused::NO_MEDIA));
        };
        match judge(config, line, limit) {
            Ok(judged) => break (place, line, judged),
            Err(why) => refused = refused.or(why),
        }
    };

    let direction = line.direction.inverted();
    // An announced size has been checked; whoever did not announce one is told our limit.
    let tell_limit = line.filelength.is_none() || line.max_size.is_some();
    let echo = config.profile.echo_filelength;
    let draft = Draft {
        config,
        mint,
        answers: Some((offered, place)),
        info: "",
        // Always said, even to an offer without: who speaks COMEDIA then knows (RFC 6135 §4.2.1).
        setup: Some(if judged.connect {
            Setup::Active
        } else {
            Setup::Passive
        }),
        cema: judged.cema,
        accept_types: &config.account.accept_types,
        accept_wrapped_types: &config.account.accept_wrapped_types,
        max_size: (tell_limit && direction.receives()).then_some(limit),
        direction,
        filelength: line.filelength.filter(|_| echo),
        files: Files::Answered(
            line,
            if echo {
                FileAttributes::Both
            } else {
                FileAttributes::Rfc5547
            },
        ),
        identity: Identity::Shown,
    };
    let (sdp, own) = draft.write(out);
    let media = Negotiated::new(direction, line, &judged);
    Ok(Answered { sdp, own, media })
}

/// What we make of a line that we take.
#[derive(Clone, Copy)]
struct Judged<'a> {
    connect: bool,
    /// Whether to connect to its c= and port instead of its path.
    aside: bool,
    /// Whether we answer with `a=msrp-cema`.
    cema: bool,
    /// What its author accepts.
    accepted: &'a str,
}

/// Whether we take this line, and how. `Err(None)`: it is not for us.
fn judge<'a>(config: &Config, line: &'a Media, limit: u64) -> Result<Judged<'a>, Option<Refused>> {
    if line.kind != Kind::Message || line.port == 0 {
        return Err(None);
    }
    if line.proto != proto(config) {
        return Err(Some(Refused::PROTOCOL));
    }
    let hop = line.first_hop().ok_or(Refused::PATH)?;
    let accepted = line.accepted(config).ok_or(Refused::FORMAT)?;
    if path_and_types(line, accepted) > config.limits.dialog_octets {
        return Err(Some(Refused::PATH));
    }

    let direction = line.direction.inverted();
    let mut own = config.account.accept_types.split_ascii_whitespace();
    // What the peer will send is not known before it does, what we may send is.
    let usable = (direction.receives() && own.clone().next().is_some())
        || (direction.sends() && own.any(|ours| overlap(accepted, ours)))
        || direction == Direction::Inactive;
    if !usable {
        return Err(Some(Refused::FORMAT));
    }
    let file = line.describes().map_err(|_| Refused::FILE)?;
    // What we are asked for may be as large as it is.
    let size = file.and_then(|file| file.size).or(line.filelength);
    if direction != Direction::SendOnly && size.is_some_and(|size| size > limit) {
        let warning = config.profile.size_exceeded_warning;
        return Err(Some(Refused {
            status: Status(config.profile.size_exceeded_status),
            warning: warning.then_some((399, "133 Size exceeded")),
        }));
    }

    let ours = Relays::ours(config);
    let cema = cema::by_offer(config.profile.connect_to, ours, line).ok_or(Refused::ADDRESS)?;
    // Under CEMA whoever has a relay is connected to (RFC 6714 §4.3).
    let awaits = cema.said && ours == Relays::Some;
    let aside = cema.aside && line.place().is_some();
    let reachable = aside || hop.is_reachable();
    let connect = match line.setup {
        Some(Setup::Actpass) => {
            // Nobody can be reached at port 9 or 0.0.0.0: then it is for us to listen (CC-119).
            config.profile.setup_answer == SetupAnswer::Active && reachable && !awaits
        }
        Some(Setup::Passive) if reachable => true,
        Some(Setup::Passive) => return Err(Some(Refused::PATH)),
        // Without a=setup the offerer connects (RFC 4975 §5.4), and holdconn counts as absent.
        Some(Setup::Active | Setup::Holdconn) | None => false,
    };
    Ok(Judged {
        connect,
        aside,
        cema: cema.said,
        accepted,
    })
}

fn proto(config: &Config) -> Proto {
    if config.msrp.tls {
        Proto::MsrpTls
    } else {
        Proto::Msrp
    }
}

/// What follows from an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Concluded {
    /// The session is as both have said.
    Agreed(Negotiated),
    /// The peer does not speak CEMA and somebody between us has changed where to connect: offer again
    /// [`without_cema`] (RFC 6714 §4.2).
    Again,
}

/// Reads the answer to an offer of ours.
///
/// # Errors
///
/// [`Failure::BadAnswer`] when it does not let us do what we offered: it has other lines than the offer, our line is
/// refused, its direction contradicts ours (CC-46), both would connect or neither could, or it is no MSRP.
pub fn conclude(
    config: &Config,
    offered: &Offered,
    answer: &Description,
) -> Result<Concluded, Failure> {
    let bad = Failure::BadAnswer;
    // One answer a line, in order (RFC 3264 §6). We offer one, before which there are only lines that are over.
    let lines = Lines::of(&offered.sdp);
    let line = answer.media().get(lines.place).ok_or(bad)?;
    if answer.media().len() != lines.count {
        return Err(bad);
    }
    if line.kind != Kind::Message || line.port == 0 || line.proto != proto(config) {
        return Err(bad);
    }
    let hop = line.first_hop().ok_or(bad)?;
    let accepted = line.accepted(config).ok_or(bad)?;
    if path_and_types(line, accepted) > config.limits.dialog_octets {
        return Err(bad);
    }

    // What both allow. A lazy `sendrecv` to our one-way offer is narrowed to what we offered.
    let mine = offered.direction;
    let direction = mine.narrowed(line.direction.inverted());
    let one_way = matches!(mine, Direction::SendOnly | Direction::RecvOnly);
    if one_way && direction == Direction::Inactive {
        return Err(bad);
    }

    let connect = match (offered.setup, line.setup) {
        (Some(Setup::Actpass), Some(Setup::Active)) => false,
        // Both would connect: whoever answers `active` to an active offerer is wrong (section 3.7).
        (_, Some(Setup::Active)) => return Err(bad),
        // An answer without a=setup comes from a peer that only knows RFC 4975: the offerer connects.
        (_, Some(Setup::Passive | Setup::Actpass | Setup::Holdconn) | None) => true,
    };
    let (how, ours) = (config.profile.connect_to, Relays::ours(config));
    let aside = match cema::by_answer(how, ours, offered.cema, connect, line) {
        Some(aside) => aside && line.place().is_some(),
        None => return Ok(Concluded::Again),
    };
    if connect && !aside && !hop.is_reachable() {
        return Err(bad);
    }
    let judged = Judged {
        connect,
        aside,
        cema: offered.cema,
        accepted,
    };
    let media = Negotiated::new(direction, line, &judged);
    Ok(Concluded::Agreed(media))
}

/// How many media lines a description of ours has, and which of them is open.
struct Lines {
    count: usize,
    place: usize,
}

impl Lines {
    fn of(ours: &Bytes) -> Self {
        match sdp::parse(ours) {
            Ok(ours) => Self::within(&ours),
            // We have written it.
            Err(_) => Self { count: 1, place: 0 },
        }
    }

    fn within(ours: &Description) -> Self {
        let open = |line: &Media| line.kind == Kind::Message && line.port != 0;
        let count = ours.media().len();
        let place = ours.media().iter().position(open);
        Self {
            count,
            place: place.unwrap_or(count),
        }
    }
}

impl Media {
    /// Who is at the left end of the path, if the path and the protocol are good and agree.
    fn first_hop(&self) -> Option<sdp::Hop<'_>> {
        let hop = sdp::hops(self.path())?.next()?;
        let fits = match self.proto {
            Proto::Msrp => !hop.tls,
            Proto::MsrpTls => hop.tls,
            Proto::Other => false,
        };
        fits.then_some(hop)
    }

    /// What it accepts, with the tolerance for peers that forget to say.
    fn accepted(&self, config: &Config) -> Option<&str> {
        match self.accept_types() {
            "" => config.profile.accept_types_missing.then_some("*"),
            types => Some(types),
        }
    }

    /// Host and port of its c= and m=, if one can connect there.
    fn place(&self) -> Option<(&str, u16)> {
        let host = self.address()?.host;
        sdp::is_reachable(host, self.port).then_some((host, self.port))
    }
}

#[cfg(test)]
mod tests;
