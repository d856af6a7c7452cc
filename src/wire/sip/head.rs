//! What a head holds beside its fields: found on demand in its lines.

use smallvec::SmallVec;

use super::text::{Field, Param, alias, line, lines, list, number, utf8};
use crate::Method;
use crate::message::{Address, Head, Methods, OptionTags, Place, Preference, Privacy, Stretch};

/// The feature tag of the service, and the one of its large message mode (D-30).
const IM: &str = "+g.oma.sip-im";
const LARGE_MESSAGE: &str = "+g.oma.sip-im.large-message";

impl Head {
    /// The From address.
    pub fn from(&self) -> Address<'_> {
        self.address(self.from)
    }

    /// The To address.
    pub fn to(&self) -> Address<'_> {
        self.address(self.to)
    }

    /// The tag of the From address.
    pub fn from_tag(&self) -> Option<&str> {
        self.tag(self.from)
    }

    /// The tag of the To address.
    pub fn to_tag(&self) -> Option<&str> {
        self.tag(self.to)
    }

    /// The Call-ID; compared octet by octet (CC-26).
    pub fn call_id(&self) -> &str {
        self.text(self.call_id)
    }

    /// The first Contact, if there is one that is an address.
    pub fn contact(&self) -> Option<Address<'_>> {
        (self.contact != Place::default()).then(|| self.address(self.contact))
    }

    /// Whether the Contact is that of a focus: the feature parameter of the header field, never a parameter of the
    /// URI (CC-42).
    pub fn is_focus(&self) -> bool {
        self.contact()
            .is_some_and(|contact| contact.feature("isfocus"))
    }

    /// All header fields in order, names as they are written.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        lines(&self.lines).filter_map(|field| {
            let (name, value) = line(field)?;
            Some((utf8(name), utf8(value)))
        })
    }

    /// The first header field of that name: the long name or the compact one, in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.fields(name).next()
    }

    /// All header fields of that name in order: the long name or the compact one, in any case.
    pub fn fields(&self, name: &str) -> impl Iterator<Item = &str> {
        let wanted = Wanted::of(name);
        self.wanted(wanted).map(utf8)
    }

    /// Where the first line of the field begins.
    pub(super) fn begin(&self, field: Field) -> Option<usize> {
        let begin = self.begins.get(field as usize).copied();
        begin.filter(|begin| *begin != u16::MAX).map(usize::from)
    }

    /// All values of the header fields of that name, each of a comma-separated list by itself. Commas in quotes and
    /// angle brackets part nothing.
    pub fn values(&self, name: &str) -> impl Iterator<Item = &str> {
        self.fields(name)
            .flat_map(|value| list(value.as_bytes()).map(utf8))
    }

    /// The methods in Allow, if there is one.
    pub fn allow(&self) -> Option<Methods> {
        self.begin(Field::Allow)?;
        Some(self.fold(Field::Allow, Methods::NONE, allowing))
    }

    /// The option tags in Supported.
    pub fn supported(&self) -> OptionTags {
        self.fold(Field::Supported, OptionTags::default(), with_option)
    }

    /// The option tags in Require.
    pub fn required(&self) -> OptionTags {
        self.fold(Field::Require, OptionTags::default(), with_option)
    }

    /// What Accept-Contact asks for.
    pub fn preference(&self) -> Preference {
        self.fold(Field::AcceptContact, Preference::default(), preferring)
    }

    /// What Privacy asks for.
    pub fn privacy(&self) -> Privacy {
        let mut privacy = Privacy::default();
        for value in self.known(Field::Privacy) {
            for asked in value.split(|octet| matches!(octet, b';' | b',')) {
                asking(&mut privacy, asked.trim_ascii());
            }
        }
        // `none` means none, whatever stands beside it (RFC 3323 §4.2, CC-98).
        match privacy.none {
            true => Privacy {
                none: true,
                critical: privacy.critical,
                ..Privacy::default()
            },
            false => privacy,
        }
    }

    /// What the values of all fields of that name say together.
    fn fold<T>(&self, field: Field, nothing: T, add: impl Fn(T, &[u8]) -> T) -> T {
        self.known(field).flat_map(list).fold(nothing, add)
    }

    /// The values of all fields of that name, each in its octets.
    fn known(&self, field: Field) -> impl Iterator<Item = &[u8]> {
        self.wanted(Wanted::Known(field))
    }

    fn wanted<'a>(&'a self, wanted: Wanted<'_>) -> impl Iterator<Item = &'a [u8]> {
        let begin = match wanted {
            Wanted::Known(field) => self.begin(field).unwrap_or(self.lines.len()),
            Wanted::Other(..) => 0,
        };
        let rest = self.lines.get(begin..).unwrap_or_default();
        lines(rest).filter_map(move |line| wanted.value(line))
    }

    /// The values of Contact in order: where else to try, of a 3xx (RFC 3261 §8.1.3.4).
    pub fn contacts(&self) -> impl Iterator<Item = Address<'_>> {
        self.values("Contact").filter_map(Address::read)
    }

    /// The URIs in P-Asserted-Identity, in order (RFC 3325 §9.1).
    pub fn asserted(&self) -> impl Iterator<Item = &str> {
        self.values("P-Asserted-Identity")
            .filter_map(|value| Some(Address::read(value)?.uri))
    }

    /// The values of Record-Route in order, each to be written into a Route as it is; [`Address::read`] takes it apart.
    pub fn record_routes(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.routes("Record-Route")
    }

    /// The values of a header field that holds a route (`Route`, `Record-Route`, `Path`) in order.
    pub fn routes(&self, name: &str) -> impl DoubleEndedIterator<Item = &str> {
        let routes: SmallVec<[&str; 4]> = self.values(name).collect();
        routes.into_iter()
    }

    /// Whether a Warning says this (DR-21): its text begins with `number`, or contains `text` in any case. The code
    /// before it is not looked at: peers write others than 399 too.
    pub fn warned(&self, number: u16, text: &str) -> bool {
        self.warnings().any(|warning| {
            let leading = self::number(warning.text.as_bytes()).map(|(leading, _)| leading);
            leading == Some(u32::from(number)) || contains(warning.text, text)
        })
    }

    /// The seconds in Retry-After (RFC 3261 §20.33).
    pub fn retry_after(&self) -> Option<u32> {
        Some(number(self.header("Retry-After")?.as_bytes())?.0)
    }

    /// The option tags in Unsupported (RFC 3261 §20.40).
    pub fn unsupported(&self) -> impl Iterator<Item = &str> {
        self.values("Unsupported")
    }

    /// The option tags in Require that this crate does not know: what 420 lists in Unsupported (CC-107).
    pub fn unknown_required(&self) -> impl Iterator<Item = &str> {
        self.values("Require")
            .filter(|tag| !is_known_option(tag.as_bytes()))
    }

    /// The option tags in Require that are not among `known`: what 420 lists in Unsupported (CC-107).
    pub fn unsupported_by<'a>(&'a self, known: &'a [&'a str]) -> impl Iterator<Item = &'a str> {
        let known = move |tag: &str| known.iter().any(|known| known.eq_ignore_ascii_case(tag));
        self.values("Require").filter(move |tag| !known(tag))
    }

    fn address(&self, place: Place) -> Address<'_> {
        Address {
            name: self.text(place.name),
            uri: self.text(place.uri),
            params: self.text(place.params),
        }
    }

    fn tag(&self, place: Place) -> Option<&str> {
        (place.tag.len > 0).then(|| self.text(place.tag))
    }

    fn text(&self, stretch: Stretch) -> &str {
        let at = usize::from(stretch.at);
        let end = at + usize::from(stretch.len);
        utf8(self.lines.get(at..end).unwrap_or_default())
    }
}

/// Which lines are looked for.
#[derive(Clone, Copy)]
enum Wanted<'a> {
    Known(Field),
    /// Under this name, or under this one if there are two.
    Other(&'a str, Option<&'static str>),
}

impl<'a> Wanted<'a> {
    fn of(name: &'a str) -> Self {
        match Field::of(name.as_bytes()) {
            Field::Other => Self::Other(name, alias(name)),
            field => Self::Known(field),
        }
    }

    /// The value of the line, if it is wanted.
    fn value(self, field: &[u8]) -> Option<&[u8]> {
        if let Self::Other(name, other) = self {
            // Most lines are passed over by their first letter.
            let begins = |name: &str| match (name.as_bytes(), field) {
                ([a, ..], [b, ..]) => a.eq_ignore_ascii_case(b),
                _ => false,
            };
            if !begins(name) && !other.is_some_and(begins) {
                return None;
            }
        }
        let (found, value) = line(field)?;
        let is = |name: &str| found.eq_ignore_ascii_case(name.as_bytes());
        let wanted = match self {
            Self::Known(known) => Field::of(found) == known,
            Self::Other(name, other) => is(name) || other.is_some_and(is),
        };
        wanted.then_some(value)
    }
}

fn allowing(allow: Methods, name: &[u8]) -> Methods {
    match Method::of(name) {
        Method::Other => allow,
        method => allow.with(method),
    }
}

fn with_option(mut tags: OptionTags, name: &[u8]) -> OptionTags {
    match option(&mut tags, name) {
        Some(known) => *known = true,
        None => tags.other = true,
    }
    tags
}

/// The place of an option tag that this crate knows.
fn option<'a>(tags: &'a mut OptionTags, name: &[u8]) -> Option<&'a mut bool> {
    let is = |tag: &str| name.eq_ignore_ascii_case(tag.as_bytes());
    match name.len() {
        5 if is("timer") => Some(&mut tags.timer),
        6 if is("100rel") => Some(&mut tags.reliable),
        8 if is("replaces") => Some(&mut tags.replaces),
        21 if is("recipient-list-invite") => Some(&mut tags.list_invite),
        22 if is("recipient-list-message") => Some(&mut tags.list_message),
        _ => None,
    }
}

/// Whether this crate knows the option tag.
fn is_known_option(name: &[u8]) -> bool {
    option(&mut OptionTags::default(), name).is_some()
}

fn asking(privacy: &mut Privacy, asked: &[u8]) {
    for (name, flag) in [
        ("id", &mut privacy.id),
        ("header", &mut privacy.header),
        ("session", &mut privacy.session),
        ("user", &mut privacy.user),
        ("history", &mut privacy.history),
        ("none", &mut privacy.none),
        ("critical", &mut privacy.critical),
    ] {
        *flag |= asked.eq_ignore_ascii_case(name.as_bytes());
    }
}

/// The tags may stand in different values (CC-96); `="FALSE"` asks for their absence.
fn preferring(mut preference: Preference, value: &[u8]) -> Preference {
    let params = value.iter().position(|octet| *octet == b';');
    let params = params.and_then(|at| value.get(at..)).unwrap_or_default();
    for param in Param::all(params) {
        preference.im |= param.is_feature(IM);
        preference.large_message |= param.is_feature(LARGE_MESSAGE);
    }
    preference
}

fn contains(text: &str, part: &str) -> bool {
    !part.is_empty()
        && text
            .as_bytes()
            .windows(part.len())
            .any(|window| window.eq_ignore_ascii_case(part.as_bytes()))
}
