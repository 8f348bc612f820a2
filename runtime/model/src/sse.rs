//! Server-sent events, as the HTML standard has them (section 9.2.6), read piece by piece.

/// The longest event, in bytes: a call's arguments come whole in some.
const MAX_EVENT: usize = 8 << 20;

/// One event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Event {
    /// Its kind; empty where none is given.
    pub(crate) kind: String,
    /// What it says.
    pub(crate) data: String,
}

/// Something that is no stream of events, or one without bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Broken {
    /// An event is too long.
    TooLong,
    /// It is not UTF-8.
    NotText,
}

/// What has come and is no whole event yet.
#[derive(Debug, Default)]
pub(crate) struct Events {
    line: Vec<u8>,
    kind: String,
    data: String,
    has_data: bool,
    after_cr: bool,
}

impl Events {
    /// Takes a piece; gives the events that it completes.
    pub(crate) fn take(&mut self, piece: &[u8]) -> Result<Vec<Event>, Broken> {
        let mut events = Vec::new();
        for &byte in piece {
            let after_cr = std::mem::replace(&mut self.after_cr, byte == b'\r');
            match byte {
                // Of two, it is the end of the same line.
                b'\n' if after_cr => {}
                b'\n' | b'\r' => events.extend(self.end_line()?),
                byte => self.line.push(byte),
            }
            if self.line.len() + self.data.len() > MAX_EVENT {
                return Err(Broken::TooLong);
            }
        }
        Ok(events)
    }

    fn end_line(&mut self) -> Result<Option<Event>, Broken> {
        let line = String::from_utf8(std::mem::take(&mut self.line)).map_err(|_| Broken::NotText)?;
        let line = line.strip_prefix('\u{feff}').unwrap_or(&line);
        if line.is_empty() {
            let (kind, data) = (std::mem::take(&mut self.kind), std::mem::take(&mut self.data));
            return Ok(std::mem::take(&mut self.has_data).then_some(Event { kind, data }));
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => self.kind = value.to_owned(),
            "data" => {
                if self.has_data {
                    self.data.push('\n');
                }
                self.has_data = true;
                self.data.push_str(value);
            }
            // Comments, and fields that mean nothing here.
            _ => {}
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_can_end_anywhere() {
        let text = "\u{feff}: hello\r\nevent: a\r\ndata: {\"t\":\r\ndata: \"ä€\"}\r\n\r\ndata:x\n\nid: 5\n\nevent: lost\ndata: y";
        let event = |kind: &str, data: &str| Event { kind: kind.into(), data: data.into() };
        let expected = [event("a", "{\"t\":\n\"ä€\"}"), event("", "x")];
        for size in 1..text.len() {
            let mut events = Events::default();
            let found: Vec<_> =
                text.as_bytes().chunks(size).flat_map(|piece| events.take(piece).expect("a stream")).collect();
            assert_eq!(found, expected, "pieces of {size}");
        }
        let mut endless = Events::default();
        assert_eq!((0..).find_map(|_| endless.take(&[b'x'; 1 << 16]).err()), Some(Broken::TooLong));
        assert_eq!(Events::default().take(b"data: \xff\n"), Err(Broken::NotText));
    }
}
