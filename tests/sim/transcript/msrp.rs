//! MSRP frames that go into a machine.

use simple_im::wire::msrp::{Kind, Piece};
use simple_im::{ChunkId, Continuation, Down, Event, LegId, MsrpEvent, MsrpTxn};

use super::pattern::{Names, fill};
use super::seen::{Past, Subject};
use super::settings::Value;
use super::text::{Lines, Step};
use super::{Done, Player, Stream};

impl Player {
    pub(super) fn msrp(&mut self, step: &Step) -> Done {
        let leg = self.leg(step)?;
        let event = match step.word(1) {
            "" => {
                let lines = step.line.block.iter().map(|(_, text)| text.as_str());
                let text = fill(&lines.collect::<Vec<_>>().join("\n"), &self.names)?;
                return self.arrive(leg, &format!("{text}\n"));
            }
            "SEND" => return self.msrp_send(leg, step),
            "REPORT" => return self.msrp_report(leg, step),
            "octets" => {
                let text = match u64::read(step.word(2)) {
                    Ok(count) => "x".repeat(usize::try_from(count).unwrap_or(0)),
                    Err(_) => {
                        let lines = step.line.block.iter().map(|(_, text)| text.as_str());
                        fill(&lines.collect::<Vec<_>>().join("\n"), &self.names)?
                    }
                };
                return self.arrive(leg, &text);
            }
            "end" => {
                let open = self.streams.entry(leg).or_default().open.clone();
                flag(step.word(2))?;
                return self.arrive(leg, &format!("\n-------{open}{}\n", step.word(2)));
            }
            "up" => MsrpEvent::Up,
            "written" | "cut" => {
                let mut chunks = self.past.unwritten.iter();
                let place = chunks.position(|(of, _)| *of == leg);
                let place = place.ok_or("every chunk of the leg has been written")?;
                let (_, chunk) = self.past.unwritten[place];
                if step.word(1) == "cut" {
                    MsrpEvent::Cut(chunk)
                } else {
                    self.past.unwritten.remove(place);
                    MsrpEvent::Written(chunk)
                }
            }
            "full" => MsrpEvent::Full,
            "lost" => MsrpEvent::Down(Down::Lost),
            "unreachable" => MsrpEvent::Down(Down::Unreachable),
            "malformed" => MsrpEvent::Down(Down::Malformed),
            status => {
                let status = u16::read(status)
                    .map_err(|_| format!("nothing called `msrp {status}` goes into a machine"))?;
                let (leg, chunk) = self.chunk_of(step, leg)?;
                self.handle(leg, Event::Msrp(MsrpEvent::Response(chunk, status)));
                return Ok(());
            }
        };
        self.handle(leg, Event::Msrp(event));
        Ok(())
    }

    /// The chunk that a response is about: the one that has a name, or the oldest that is unanswered.
    fn chunk_of(&mut self, step: &Step, leg: LegId) -> Result<(LegId, ChunkId), String> {
        let (leg, chunk) = match self.thing(step.to.as_deref())? {
            Some((leg, Subject::Chunk(chunk))) => (leg, chunk),
            Some(_) => return Err("the name is not that of a chunk".into()),
            None => {
                let found = self.past.chunks.iter().find(|(of, _)| *of == leg);
                *found.ok_or("no chunk of the leg awaits a response")?
            }
        };
        self.past.chunks.retain(|own| *own != (leg, chunk));
        Ok((leg, chunk))
    }

    fn msrp_send(&mut self, leg: LegId, step: &Step) -> Done {
        let range = step.word(2);
        let (start, rest) = range.split_once('-').ok_or("SEND START-END/TOTAL")?;
        let end = rest.split_once('/').map_or(rest, |(end, _)| end);
        let (head, body) = step.halves();
        let body: Vec<_> = body.iter().map(|(_, text)| text.as_str()).collect();
        let mut body = fill(&body.join("\n"), &self.names)?;
        if body.is_empty() {
            let (start, end) = (u64::read(start)?, u64::read(end).unwrap_or(0));
            body = "x".repeat(usize::try_from((end + 1).saturating_sub(start)).unwrap_or(0));
        }
        self.frames += 1;
        let name = step.name.clone();
        let tid = name.unwrap_or_else(|| format!("send{}", self.frames));
        let mut text = self.frame(leg, &tid, "SEND", head)?;
        if !has(head, "Byte-Range") {
            text += &format!("Byte-Range: {range}\n");
        }
        text += &lines_of(head, &self.names)?;
        if !body.is_empty() {
            let typed = has(head, "Content-Type");
            text += if typed {
                "\n"
            } else {
                "Content-Type: text/plain\n\n"
            };
            text += &body;
        }
        self.streams.entry(leg).or_default().open = tid.clone();
        match step.word(3) {
            "" => {}
            sign => {
                flag(sign)?;
                if !body.is_empty() {
                    text += "\n";
                }
                text += &format!("-------{tid}{sign}\n");
            }
        }
        self.arrive(leg, &text)
    }

    fn msrp_report(&mut self, leg: LegId, step: &Step) -> Done {
        let head = &step.line.block;
        let status = u16::read(step.word(3))?;
        self.frames += 1;
        let tid = format!("report{}", self.frames);
        let mut text = self.frame(leg, &tid, "REPORT", head)?;
        text += &format!("Byte-Range: {}\n", step.word(2));
        text += &format!("Status: 000 {status:03}\n");
        text += &lines_of(head, &self.names)?;
        text += &format!("-------{tid}$\n");
        self.arrive(leg, &text)
    }

    /// The beginning of a frame from the peer.
    fn frame(&self, leg: LegId, tid: &str, method: &str, head: &Lines) -> Result<String, String> {
        let (peer, own) = self.past.paths(leg);
        let path = |path: &[u8]| match path {
            b"" => "msrp://peer.example.com:2855/peer;tcp".to_string(),
            path => String::from_utf8_lossy(path).into_owned(),
        };
        let mut text = format!("MSRP {tid} {method}\n");
        for (name, value) in [("To-Path", path(&own)), ("From-Path", path(&peer))] {
            if !has(head, name) {
                text += &format!("{name}: {value}\n");
            }
        }
        if !has(head, "Message-ID") {
            let sent = self.past.messages.get(&leg);
            let message = match (method, sent) {
                ("REPORT", Some(sent)) => sent.as_str(),
                _ => "message-1",
            };
            text += &format!("Message-ID: {message}\n");
        }
        Ok(text)
    }

    /// Octets arrive on a leg's connection.
    fn arrive(&mut self, leg: LegId, text: &str) -> Done {
        let text = text.replace('\n', "\r\n");
        let mut stream = self.streams.remove(&leg).unwrap_or_default();
        stream.input.extend_from_slice(text.as_bytes());
        let done = self.decode(leg, &mut stream);
        self.streams.insert(leg, stream);
        done
    }

    fn decode(&mut self, leg: LegId, stream: &mut Stream) -> Done {
        loop {
            let piece = stream.decoder.next(&mut stream.input);
            let event = match piece {
                Ok(None) => return Ok(()),
                Err(flaw) => return Err(format!("the framing is lost: {}", flaw.what)),
                Ok(Some(Piece::Bad(_, flaw))) => {
                    return Err(format!("no machine sees such a frame: {}", flaw.what));
                }
                Ok(Some(Piece::Octets(octets))) => {
                    self.handle(leg, Event::Msrp(MsrpEvent::Octets(&octets)));
                    continue;
                }
                // A response or report has no end of its own for a machine.
                Ok(Some(Piece::End(_))) if stream.open.is_empty() => continue,
                Ok(Some(Piece::End(flag))) => {
                    stream.open.clear();
                    MsrpEvent::End(flag)
                }
                Ok(Some(Piece::Head(head))) => match head.kind() {
                    Kind::Send => {
                        stream.open = head.txn().to_string();
                        let txn = MsrpTxn(self.frames.wrapping_add(1 << 16));
                        self.frames += 1;
                        let thing = (leg, Subject::Frame(txn));
                        self.things.insert(head.txn().to_string(), thing);
                        let event = Event::Msrp(MsrpEvent::Send(txn, &head.as_send()));
                        self.handle(leg, event);
                        continue;
                    }
                    Kind::Report => {
                        stream.open.clear();
                        let report = head
                            .as_report()
                            .ok_or("the report is in no namespace of ours")?;
                        self.handle(leg, Event::Msrp(MsrpEvent::Report(&report)));
                        continue;
                    }
                    Kind::Response(status) => {
                        stream.open.clear();
                        let thing = self.things.get(head.txn());
                        let Some((leg, Subject::Chunk(chunk))) = thing.cloned() else {
                            return Err(format!("no chunk has the name `{}`", head.txn()));
                        };
                        self.past.chunks.retain(|own| *own != (leg, chunk));
                        self.handle(leg, Event::Msrp(MsrpEvent::Response(chunk, status)));
                        continue;
                    }
                    _ => return Err("no machine sees a frame with such a method".into()),
                },
            };
            self.handle(leg, Event::Msrp(event));
        }
    }
}

fn flag(text: &str) -> Result<Continuation, String> {
    match text {
        "$" => Ok(Continuation::Last),
        "+" => Ok(Continuation::More),
        "#" => Ok(Continuation::Abandoned),
        _ => Err(format!("`{text}` is not `$`, `+` or `#`")),
    }
}

fn has(head: &Lines, name: &str) -> bool {
    let own = |line: &str| line.split_once(':').map(|(own, _)| own.trim().to_string());
    head.iter()
        .any(|(_, line)| own(line).is_some_and(|own| own.eq_ignore_ascii_case(name)))
}

fn lines_of(head: &Lines, names: &Names) -> Result<String, String> {
    let lines = head
        .iter()
        .map(|(_, line)| fill(line, names).map(|line| line + "\n"));
    lines.collect()
}
