//! The settings of a transcript: who the machine is and what differs from the defaults.

use std::time::Duration;

use simple_im::profile::{
    AcceptContact, CfReportPolicy, Chunking, ConnectTo, FromPolicy, IdentityHeader, LmFeatureTag,
    MultipartPolicy, Prack, Profile, Refresher, Reports, SessionMatch, SessionParam, SetupAnswer,
    SetupOffer, SizeBasis, Tolerance,
};
use simple_im::wire::msrp::Url;
use simple_im::{Account, Config, Limits, MsrpAuthority, Status, Timer, Uri};

use super::Trouble;
use super::pattern::Names;
use super::text::Line;

/// Which machine is played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Originating,
    Terminating,
    Controlling,
}

/// All settings of a transcript.
pub struct Settings {
    pub role: Role,
    pub config: Config,
    /// Who speaks to the machine where a message does not say.
    pub peer: String,
    pub seed: u64,
    pub groups: Vec<(Uri, Vec<Uri>)>,
    /// Whether timers are to be named too.
    pub strict_timers: bool,
    /// Texts with a name.
    pub texts: Names,
}

impl Settings {
    pub fn read(lines: &[Line]) -> Result<Self, Trouble> {
        let nobody = Uri::copy("sip:me@192.0.2.1").map_err(|_| Trouble::new(1, "no URI"))?;
        let msrp = MsrpAuthority {
            host: "192.0.2.1".into(),
            port: 2855,
            tls: false,
        };
        let account = Account::new(nobody.clone(), nobody);
        let mut settings = Self {
            role: Role::Originating,
            config: Config::new(account, msrp, [1, 2]),
            peer: "sip:peer@example.com".into(),
            seed: 7,
            groups: Vec::new(),
            strict_timers: false,
            texts: Names::new(),
        };
        let mut roles = 0;
        for line in lines {
            roles += usize::from(line.text.starts_with("role"));
            settings.set(line).map_err(|why| line.trouble(why))?;
        }
        match roles {
            1 => Ok(settings),
            _ => Err(Trouble::new(
                lines.first().map_or(1, |line| line.number),
                "a transcript names one role",
            )),
        }
    }

    fn set(&mut self, line: &Line) -> Result<(), String> {
        let (name, value) = line.text.split_once(' ').unwrap_or((&line.text, ""));
        let value = value.trim();
        if name != "define" && !line.block.is_empty() {
            return Err(format!("`{name}` takes no lines"));
        }
        let account = &mut self.config.account;
        match name {
            "role" => {
                self.role = match value {
                    "originating" => Role::Originating,
                    "terminating" => Role::Terminating,
                    "controlling" => Role::Controlling,
                    _ => return Err(format!("no role `{value}`")),
                }
            }
            "profile" => {
                self.config.profile = match value {
                    "oma-im-1.0" => Profile::oma_im_10(),
                    "draft-seed" => Profile::draft_seed(),
                    _ => return Err(format!("no profile `{value}`")),
                }
            }
            "address" => {
                account.address = Uri::read(value)?;
                account.contact = account.address.clone();
            }
            "contact" => account.contact = Uri::read(value)?,
            "factory" => account.factory = Value::read(value)?,
            "exploder" => account.exploder = Value::read(value)?,
            "product" => account.product = value.into(),
            "accept-types" => account.accept_types = value.into(),
            "accept-wrapped-types" => account.accept_wrapped_types = value.into(),
            "msrp" => self.config.msrp = Value::read(value)?,
            "key" => {
                let (a, b) = value.split_once(' ').ok_or("a key is two numbers")?;
                self.config.key = [Value::read(a)?, Value::read(b.trim())?];
            }
            "seed" => self.seed = Value::read(value)?,
            "peer" => self.peer = Uri::read(value)?.as_str().into(),
            "group" => {
                let (group, members) = value.split_once('=').ok_or("group URI = URI...")?;
                let members = members.split_whitespace().map(Uri::read);
                let members = members.collect::<Result<_, _>>()?;
                self.groups.push((Uri::read(group.trim())?, members));
            }
            "knob" => {
                let (name, value) = value.split_once('=').ok_or("knob NAME = VALUE")?;
                knob(&mut self.config.profile, name.trim(), value.trim())?;
            }
            "limit" => {
                let (name, value) = value.split_once('=').ok_or("limit NAME = VALUE")?;
                limit(&mut self.config.limits, name.trim(), value.trim())?;
            }
            "strict" if value == "timers" => self.strict_timers = true,
            "define" => {
                let text: Vec<_> = line.block.iter().map(|(_, text)| text.as_str()).collect();
                self.texts.insert(value.into(), text.join("\n"));
            }
            _ => return Err(format!("no setting `{name}`")),
        }
        Ok(())
    }
}

macro_rules! fields {
    ($set:ident, $what:literal, $type:ty: $($field:ident)*) => {
        #[doc = concat!("Sets a ", $what, " by its name.")]
        pub fn $set(into: &mut $type, name: &str, value: &str) -> Result<(), String> {
            let name = name.replace('-', "_");
            match name.as_str() {
                $(stringify!($field) => into.$field = Value::read(value)?,)*
                _ => return Err(format!(concat!("no ", $what, " `{}`"), name)),
            }
            Ok(())
        }
    };
}

fields!(knob, "knob", Profile:
    accept_contact_message accept_contact_invite accept_contact_server pager_limit size_basis
    expected_overhead max_pager_size pager_too_big_fallback session_param multipart
    contact_in_message lm_filelength echo_filelength lm_feature_tag session_expires refresher
    min_se client_identity server_identity report_wait cf_report from_policy list_service
    adhoc_anonymity too_many_status list_cid_unresolved empty_group_status hide_existence
    echo_to_originator dedupe_default_port list_without_disposition use_exploder setup_offer
    setup_answer connect_to session_match msrp_tolerance relay_in_clear msrp_chunk msrp_reports msrp_keepalive size_exceeded_status size_exceeded_warning
    anonymous_status accept_types_missing replaces_require prack_caller prack_callee answer_in_provisional answer_from_2xx);

fields!(limit, "limit", Limits:
    batch in_flight patience legs list_entries list_depth list_octets xml_depth xml_attributes cpim_octets cpim_fields notice_octets
    conference_octets conference_entries adhoc_group group_members message whole
    stored ranges msrp_head chunks outgoing incoming assembled connection queue answered forks dialog_octets connect_wait bind msrp_response ring
    decide delivery chunk_reception lookup final_wait t1 t2);

/// A value in a transcript.
pub trait Value: Sized {
    fn read(text: &str) -> Result<Self, String>;
}

impl Value for Tolerance {
    fn read(text: &str) -> Result<Self, String> {
        match text {
            "lenient" => Ok(Self::lenient()),
            "strict" => Ok(Self::strict()),
            _ => Err(format!("`{text}` is neither lenient nor strict")),
        }
    }
}

impl Value for Chunking {
    fn read(text: &str) -> Result<Self, String> {
        match text.strip_prefix("interruptible ") {
            Some(octets) => usize::read(octets).map(Self::Interruptible),
            None => usize::read(text).map(Self::Pieces),
        }
    }
}

macro_rules! words {
    ($($type:ident: $($variant:ident)*;)*) => {
        $(impl Value for $type {
            fn read(text: &str) -> Result<Self, String> {
                $(if same(text, stringify!($variant)) { return Ok(Self::$variant); })*
                Err(format!(concat!("`{}` is none of", $(" ", stringify!($variant)),*), text))
            }
        })*
    };
}

words! {
    AcceptContact: TagOnly Explicit RequireExplicit;
    SizeBasis: WholeRequest BodyOnly ContentOnly;
    SessionParam: None Poc Legacy;
    MultipartPolicy: Always WhenNeeded;
    LmFeatureTag: Off ContactOnly ContactAndAcceptContact;
    Refresher: Uac Uas;
    IdentityHeader: PPreferred PAsserted None;
    SetupOffer: Actpass Active Omit;
    SetupAnswer: Active Passive;
    ConnectTo: PathUri CmLine Auto Cema;
    CfReportPolicy: OnStored OnAllDelivered OnFirstDelivered;
    FromPolicy: ConferenceUri Originator;
    SessionMatch: Full4975 SessionIdOnly;
    Prack: Off Supported Required;
    Reports: Merged PerChunk;
}

macro_rules! numbers {
    ($($type:ty)*) => {
        $(impl Value for $type {
            fn read(text: &str) -> Result<Self, String> {
                text.replace('_', "").parse().map_err(|_| format!("`{text}` is no number that fits"))
            }
        })*
    };
}

numbers!(u8 u16 u32 u64 usize);

impl Value for bool {
    fn read(text: &str) -> Result<Self, String> {
        match text {
            "yes" | "on" => Ok(true),
            "no" | "off" => Ok(false),
            _ => Err(format!("`{text}` is neither `yes` nor `no`")),
        }
    }
}

impl Value for Uri {
    fn read(text: &str) -> Result<Self, String> {
        Self::copy(text).map_err(|flaw| format!("`{text}` is no URI: {}", flaw.what))
    }
}

impl Value for Status {
    fn read(text: &str) -> Result<Self, String> {
        u16::read(text).map(Self)
    }
}

impl<T: Value> Value for Option<T> {
    fn read(text: &str) -> Result<Self, String> {
        match text {
            "none" => Ok(None),
            text => T::read(text).map(Some),
        }
    }
}

impl Value for Duration {
    fn read(text: &str) -> Result<Self, String> {
        let unit = text.trim_start_matches(|c: char| c.is_ascii_digit() || c == '_');
        let count = u64::read(&text[..text.len() - unit.len()]);
        let of = match unit {
            "ms" => Self::from_millis,
            "s" => Self::from_secs,
            "min" => |minutes| Self::from_secs(60 * minutes),
            _ => return Err(format!("`{text}` is no time such as 500ms, 30s or 2min")),
        };
        count.map(of)
    }
}

impl Value for MsrpAuthority {
    fn read(text: &str) -> Result<Self, String> {
        let full = format!("{text}/x;tcp");
        let url = Url::parse(&full).map_err(|_| format!("`{text}` is not as msrp://HOST:PORT"))?;
        let port = url.port.ok_or("the MSRP address names a port")?;
        Ok(Self {
            host: url.host.into(),
            port,
            tls: url.tls,
        })
    }
}

impl Value for Timer {
    fn read(text: &str) -> Result<Self, String> {
        let found = TIMERS.into_iter().find(|timer| timer_name(*timer) == text);
        found.ok_or(format!("no timer `{text}`"))
    }
}

/// All timers.
pub const TIMERS: [Timer; 16] = [
    Timer::Continue,
    Timer::Decide,
    Timer::Lookup,
    Timer::Patience,
    Timer::Ring,
    Timer::FinalWait,
    Timer::Repeat,
    Timer::Bind,
    Timer::ChunkResponse,
    Timer::NextChunk,
    Timer::KeepAlive,
    Timer::SuccessReport,
    Timer::Delivery,
    Timer::Refresh,
    Timer::Expiry,
    Timer::Retry,
];

/// How a timer is called. A new one must get a name before this compiles again.
pub fn timer_name(timer: Timer) -> &'static str {
    match timer {
        Timer::Continue => "continue",
        Timer::Decide => "decide",
        Timer::Lookup => "lookup",
        Timer::Patience => "patience",
        Timer::Ring => "ring",
        Timer::FinalWait => "final-wait",
        Timer::Repeat => "repeat",
        Timer::Bind => "bind",
        Timer::ChunkResponse => "chunk-response",
        Timer::NextChunk => "next-chunk",
        Timer::KeepAlive => "keep-alive",
        Timer::SuccessReport => "success-report",
        Timer::Delivery => "delivery",
        Timer::Refresh => "refresh",
        Timer::Expiry => "expiry",
        Timer::Retry => "retry",
    }
}

/// A time as transcripts write it.
pub fn time(time: Duration) -> String {
    match time.subsec_millis() {
        0 => format!("{}s", time.as_secs()),
        _ => format!("{}ms", time.as_millis()),
    }
}

/// Whether `text` names this variant: `require-explicit` is `RequireExplicit`.
fn same(text: &str, variant: &str) -> bool {
    text.replace(['-', '_'], "").eq_ignore_ascii_case(variant)
}

/// The words of a value as transcripts write them: `Failed(Msrp(413))` is `failed msrp 413`.
pub fn words(value: &impl std::fmt::Debug) -> String {
    let debug = format!("{value:?}");
    let mut words: Vec<String> = debug
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(kebab)
        .collect();
    // The name of the newtype around a status says nothing.
    let is_number = |word: &String| word.bytes().all(|b| b.is_ascii_digit());
    let place = words.iter().position(is_number).unwrap_or(0);
    if place > 0 && words[place - 1] == "status" {
        words.remove(place - 1);
    }
    words.join(" ")
}

pub fn kebab(name: &str) -> String {
    let mut out = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !out.is_empty() {
            out.push('-');
        }
        out.push(letter.to_ascii_lowercase());
    }
    out
}
