//! Replies that say no, and the lines that every reply has.

use bytes::Bytes;

use crate::capabilities::{SESSION_TYPES, methods};
use crate::compose::{Lines, Speaker};
use crate::{Action, Context, Event, Head, Reply, ServerTxn, Status, Tag};

/// A refusal, with what goes with it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Refused<'a> {
    pub(crate) status: u16,
    pub(crate) warning: Option<(u16, &'static str)>,
    pub(crate) min_se: Option<u32>,
    pub(crate) retry_after: Option<u32>,
    pub(crate) allow: bool,
    pub(crate) accept: bool,
    /// Whether to say what the body of an INVITE to a list may consist of.
    pub(crate) accept_session: bool,
    pub(crate) identity: bool,
    /// What a caller has to understand, for 421.
    pub(crate) require: Option<&'static str>,
    /// The request, and the option tags that we do support.
    pub(crate) unsupported: Option<(&'a Head, &'static [&'static str])>,
}

impl Refused<'_> {
    pub(crate) const fn plain(status: u16) -> Self {
        Self {
            status,
            warning: None,
            min_se: None,
            retry_after: None,
            allow: false,
            accept: false,
            accept_session: false,
            identity: false,
            require: None,
            unsupported: None,
        }
    }

    /// Answers a request that opens a dialog, or is outside of one.
    pub(crate) fn respond(self, txn: ServerTxn, tag: Tag, speaker: Speaker, cx: &mut Context<'_>) {
        self.answer(txn, Some(tag), speaker, cx);
    }

    /// Answers a request inside a dialog.
    pub(crate) fn respond_within(self, txn: ServerTxn, speaker: Speaker, cx: &mut Context<'_>) {
        self.answer(txn, None, speaker, cx);
    }

    fn answer(self, txn: ServerTxn, tag: Option<Tag>, speaker: Speaker, cx: &mut Context<'_>) {
        let reply = self.reply(tag, speaker, cx);
        cx.act(Action::Respond(txn, reply));
    }

    pub(crate) fn reply(self, tag: Option<Tag>, speaker: Speaker, cx: &mut Context<'_>) -> Reply {
        let config = cx.config;
        let mut lines = reply_lines(cx, speaker);
        if let Some((code, text)) = self.warning {
            lines.warning(code, text);
        }
        if let Some(min_se) = self.min_se {
            lines.line("Min-SE", min_se);
        }
        if let Some(seconds) = self.retry_after {
            lines.line("Retry-After", seconds);
        }
        if self.allow {
            lines.line("Allow", methods(&config.profile));
        }
        if self.accept {
            for kind in config.account.accept_types.split_ascii_whitespace() {
                lines.line("Accept", kind);
            }
        }
        if self.accept_session {
            for kind in SESSION_TYPES {
                lines.line("Accept", kind);
            }
        }
        if self.identity {
            lines.line("Accept-Encoding", "identity");
        }
        if let Some(option) = self.require {
            lines.line("Require", option);
        }
        if let Some((head, known)) = self.unsupported {
            for tag in head.unsupported_by(known) {
                lines.line("Unsupported", tag);
            }
        }
        Reply {
            status: Status(self.status),
            tag,
            head: lines.take(),
            body: Bytes::new(),
        }
    }
}

/// The lines of every reply: release and identity (TC-PM-05, TC-PM-06, TC-LM-06, TC-LM-08, DR-05).
pub(crate) fn reply_lines<'a, 'b>(cx: &'a mut Context<'b>, speaker: Speaker) -> Lines<'a, 'b> {
    let mut lines = cx.lines();
    lines.server(speaker).identity(speaker);
    lines
}

/// Requests that reach a machine which is not, or no longer, in a dialog.
pub(crate) fn stranger(event: Event<'_>, cx: &mut Context<'_>) {
    match event {
        Event::Request(txn, _) | Event::Cancel { cancel: txn, .. } => {
            let tag = cx.tag();
            Refused::plain(481).respond(txn, tag, Speaker::Client, cx);
        }
        Event::Response(_, response) => {
            super::end_stray(response, cx);
        }
        _ => {}
    }
}
