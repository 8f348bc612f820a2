//! What has to go on while the shell waits: there is one thread, and what it promised to pass on, it passes on whenever it would sleep.

use crate::files::lock;
use gloveport::process::{Input, Output};
use std::{
    io::{self, Read, Write},
    pin::pin,
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker},
};
use wasip2::io::poll::{Pollable, poll};

/// Bytes on their way to an output.
struct Parcel {
    bytes: Vec<u8>,
    sent: usize,
    to: Arc<Output>,
}

static PARCELS: Mutex<Vec<Parcel>> = Mutex::new(Vec::new());
/// What the futures that were polled last wait for.
static AWAITED: Mutex<Vec<Pollable>> = Mutex::new(Vec::new());

/// Passes bytes on to an output, as it takes them.
pub(crate) fn add(bytes: Vec<u8>, to: Arc<Output>) {
    let mut parcel = Parcel { bytes, sent: 0, to };
    if !parcel.send() {
        lock(&PARCELS).push(parcel);
    }
}

/// Polls the future again when this is ready.
pub(crate) fn awaits(pollable: Pollable) {
    lock(&AWAITED).push(pollable);
}

impl Parcel {
    /// Whether all is sent, or nobody wants it any more.
    fn send(&mut self) -> bool {
        while self.sent < self.bytes.len() {
            match self.to.try_write(&self.bytes[self.sent..]) {
                Ok(0) => return false,
                Ok(sent) => self.sent += sent,
                Err(_) => return true,
            }
        }
        true
    }
}

/// Sends what there is room for; whether something is left.
fn send() -> bool {
    let mut parcels = lock(&PARCELS);
    parcels.retain_mut(|parcel| !parcel.send());
    !parcels.is_empty()
}

/// Sleeps until one of these is ready, or there is room for what is under way.
fn sleep(own: &[Pollable]) {
    if !send() && own.len() == 1 {
        own[0].block();
        return;
    }
    let room: Vec<Pollable> = lock(&PARCELS).iter().map(|parcel| parcel.to.subscribe()).collect();
    let all: Vec<&Pollable> = own.iter().chain(&room).collect();
    if !all.is_empty() {
        poll(&all);
        // No output may go before what was asked of it.
        drop(all);
        drop(room);
        send();
    }
}

/// Reads, and waits for it.
pub(crate) fn read(input: &Input, buffer: &mut [u8]) -> io::Result<usize> {
    if !send() {
        return (&*input).read(buffer);
    }
    loop {
        if let Some(read) = input.try_read(buffer)? {
            return Ok(read);
        }
        sleep(&[input.subscribe()]);
    }
}

/// Writes, and waits for room.
pub(crate) fn write(output: &Output, bytes: &[u8]) -> io::Result<usize> {
    if !send() || bytes.is_empty() {
        return (&*output).write(bytes);
    }
    loop {
        match output.try_write(bytes)? {
            0 => sleep(&[output.subscribe()]),
            written => return Ok(written),
        }
    }
}

/// Runs a future to its end, and then passes on what is left.
pub(crate) fn run<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        lock(&AWAITED).clear();
        if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
            return value;
        }
        let awaited = std::mem::take(&mut *lock(&AWAITED));
        sleep(&awaited);
    }
}

/// Passes on all that is left, as long as somebody wants it.
pub(crate) fn finish() {
    while send() {
        sleep(&[]);
    }
}
