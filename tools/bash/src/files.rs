//! The files of the shell: streams of the host, which several can hold, and what it keeps itself.

use crate::pump;
use brush_core::openfiles::{OpenFile, Stream};
use gloveport::process::{self, Input, Output};
use std::{
    any::Any,
    io::{self, Read, Write},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// One file.
#[derive(Clone)]
pub(crate) enum File {
    /// Nothing to read; what is written is gone.
    Null,
    Input(Arc<Input>),
    Output(Arc<Output>),
    /// Both, of one file.
    Both(Arc<Input>, Arc<Output>),
    /// What the shell has in its hands.
    Contents(Arc<Mutex<Contents>>),
    /// What is written is kept, and passed on when there is time.
    Buffered(Arc<Mutex<Buffer>>),
}

/// Bytes to be read.
pub(crate) enum Contents {
    Kept(Vec<u8>, usize),
    /// A program was given them: from then on they come through a pipe.
    Piped(Arc<Input>),
}

/// Bytes that were written.
pub(crate) struct Buffer {
    bytes: Vec<u8>,
    to: Arc<Output>,
}

impl Drop for Buffer {
    fn drop(&mut self) {
        pump::add(std::mem::take(&mut self.bytes), Arc::clone(&self.to));
    }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl File {
    /// The file that an open file of the shell is.
    pub(crate) fn of(file: &OpenFile) -> Self {
        match file {
            OpenFile::Stream(stream) => stream.as_any().downcast_ref::<Self>().cloned().unwrap_or(Self::Null),
            _ => Self::Null,
        }
    }

    pub(crate) fn open(self) -> OpenFile {
        OpenFile::Stream(Box::new(self))
    }

    pub(crate) fn contents(bytes: Vec<u8>) -> Self {
        Self::Contents(Arc::new(Mutex::new(Contents::Kept(bytes, 0))))
    }

    /// As this one, but nothing that is written waits.
    pub(crate) fn buffered(&self) -> Self {
        match self.output() {
            Some(to) => Self::Buffered(Arc::new(Mutex::new(Buffer { bytes: Vec::new(), to }))),
            None => Self::Null,
        }
    }

    /// What a program reads that has it.
    pub(crate) fn input(&self) -> Option<Arc<Input>> {
        match self {
            Self::Input(input) | Self::Both(input, _) => Some(Arc::clone(input)),
            Self::Contents(contents) => {
                let mut contents = lock(contents);
                if let Contents::Kept(bytes, at) = &mut *contents {
                    let (input, output) = process::pipe();
                    pump::add(bytes.split_off(*at), Arc::new(output));
                    *contents = Contents::Piped(Arc::new(input));
                }
                match &*contents {
                    Contents::Piped(input) => Some(Arc::clone(input)),
                    Contents::Kept(..) => None,
                }
            }
            Self::Null | Self::Output(_) | Self::Buffered(_) => None,
        }
    }

    /// What a program writes to that has it.
    pub(crate) fn output(&self) -> Option<Arc<Output>> {
        match self {
            Self::Output(output) | Self::Both(_, output) => Some(Arc::clone(output)),
            Self::Buffered(buffer) => Some(Arc::clone(&lock(buffer).to)),
            Self::Null | Self::Input(_) | Self::Contents(_) => None,
        }
    }
}

impl Stream for File {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn clone_box(&self) -> Box<dyn Stream> {
        Box::new(self.clone())
    }
}

impl Read for File {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Null => Ok(0),
            Self::Input(input) | Self::Both(input, _) => pump::read(input, buffer),
            Self::Contents(contents) => {
                let piped = match &mut *lock(contents) {
                    Contents::Kept(bytes, at) => {
                        let read = (&bytes[*at..]).read(buffer)?;
                        *at += read;
                        return Ok(read);
                    }
                    Contents::Piped(input) => Arc::clone(input),
                };
                pump::read(&piped, buffer)
            }
            Self::Output(_) | Self::Buffered(_) => Err(io::Error::other("Bad file descriptor")),
        }
    }
}

impl Write for File {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Null => Ok(bytes.len()),
            Self::Output(output) | Self::Both(_, output) => pump::write(output, bytes),
            Self::Buffered(buffer) => {
                lock(buffer).bytes.extend_from_slice(bytes);
                Ok(bytes.len())
            }
            Self::Input(_) | Self::Contents(_) => Err(io::Error::other("Bad file descriptor")),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
