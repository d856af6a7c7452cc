//! A TCP stream, and the two threads at it.
#![allow(unreachable_pub)]

use std::io::{self, BufWriter, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use bytes::Bytes;

use crate::Failed;

/// What the threads report.
pub enum News {
    /// A stream that we made or accepted.
    Connected(io::Result<TcpStream>),
    Octets(Vec<u8>),
    Wrote(usize),
    Gone,
}

/// Octets that may wait for the socket. What is more waits in the endpoint, which has it from the file.
pub const WRITING: usize = 256 * 1024;

/// A stream and the threads at it.
pub struct Wire {
    pub stream: TcpStream,
    /// One word for each read that may be made: so nothing is read that would have to wait here.
    pub go: Sender<()>,
    pub reading: bool,
    pub out: Sender<Bytes>,
    pub writing: usize,
}

impl Wire {
    pub fn new(stream: TcpStream, tell: &Sender<News>) -> Result<Self, Failed> {
        stream.set_nodelay(true)?;
        let (go, may) = channel();
        let (out, take) = channel::<Bytes>();
        let (mut reader, told) = (stream.try_clone()?, tell.clone());
        thread::spawn(move || {
            let mut octets = vec![0; 64 * 1024];
            while may.recv().is_ok() {
                let news = match reader.read(&mut octets) {
                    Ok(size @ 1..) => News::Octets(octets[..size].to_vec()),
                    _ => News::Gone,
                };
                let gone = matches!(news, News::Gone);
                if told.send(news).is_err() || gone {
                    return;
                }
            }
        });
        let (writer, told) = (stream.try_clone()?, tell.clone());
        thread::spawn(move || {
            let mut writer = BufWriter::with_capacity(WRITING, writer);
            while let Ok(octets) = take.recv() {
                // What else is there goes with it.
                let news = match written(&mut writer, octets, &take) {
                    Ok(size) => News::Wrote(size),
                    Err(_) => News::Gone,
                };
                let gone = matches!(news, News::Gone);
                if told.send(news).is_err() || gone {
                    return;
                }
            }
        });
        Ok(Self {
            stream,
            go,
            reading: false,
            out,
            writing: 0,
        })
    }
}

/// Writes what there is to write.
fn written(writer: &mut impl Write, first: Bytes, others: &Receiver<Bytes>) -> io::Result<usize> {
    let mut size = 0;
    for octets in std::iter::once(first).chain(others.try_iter()) {
        writer.write_all(&octets)?;
        size += octets.len();
        if size >= WRITING {
            break;
        }
    }
    writer.flush()?;
    Ok(size)
}

/// Connects, and tells what came of it.
pub fn connect(host: String, port: u16, tell: Sender<News>) {
    thread::spawn(move || tell.send(News::Connected(TcpStream::connect((host, port)))));
}

/// Tells of everybody who connects.
pub fn accept(listener: TcpListener, tell: Sender<News>) {
    thread::spawn(move || {
        for stream in listener.incoming() {
            if tell.send(News::Connected(stream)).is_err() {
                return;
            }
        }
    });
}
