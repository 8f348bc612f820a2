//! A server for every host, whose answers go by the path.

use super::Seen;
use bytes::Bytes;
use http::{HeaderName, Request, Response, header};
use http_body::Frame;
use http_body_util::{BodyExt as _, Full};
use std::{
    pin::Pin,
    task::{Context, Poll},
};
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

type Ended = Box<dyn Future<Output = Result<(), Error>> + Send>;

/// Headers that arrive beside those that the tool sets.
const OF_HOST: [HeaderName; 1] = [header::HOST];

pub(crate) struct Server {
    pub(crate) seen: Seen,
}

impl Server {
    pub(crate) fn note(&self, line: String) {
        self.seen.lock().expect("no panic").push(line);
    }
}

impl WasiHttpHooks for Server {
    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _: Ended,
    ) -> Box<dyn Future<Output = Result<(Response<WasiBody>, Ended), Error>> + Send> {
        let mut line = format!("{} {} ", request.method(), request.uri());
        for (name, value) in request.headers().iter().filter(|(name, _)| !OF_HOST.contains(name)) {
            line += &format!("{name}: {}; ", value.to_str().expect("ASCII"));
        }
        let times = options.map(|it| [it.connect_timeout, it.first_byte_timeout, it.between_bytes_timeout]);
        if let Some([connect, first, between]) = times
            && let (Some(time), true) = (connect, connect == first && first == between)
        {
            line += &format!("{time:?}; ");
        }
        let seen = Seen::clone(&self.seen);
        Box::new(async move {
            let path = request.uri().path().to_owned();
            let mut body = Some(request.into_body());
            let carried = match path.as_str() {
                "/early" => "unread".to_owned(),
                _ => format!("{} bytes", body.take().expect("unread").collect().await?.to_bytes().len()),
            };
            seen.lock().expect("no panic").push(line + &carried);
            let response = answer(&path)?;
            // As long as the connection is open, what was not read is not the sender's to see.
            let ended = Box::new(async move {
                drop(body);
                Ok(())
            });
            Ok((response, ended as Ended))
        })
    }
}

fn answer(path: &str) -> Result<Response<WasiBody>, Error> {
    let full = |text: &'static [u8]| Full::new(Bytes::from_static(text)).map_err(|never| match never {}).boxed_unsync();
    let response = |status: u16, body: WasiBody| Response::builder().status(status).body(body).expect("a response");
    let moved = |status: u16, to: &str| {
        let response = Response::builder().status(status).header(header::LOCATION, to);
        Ok(response.body(full(b"")).expect("a response"))
    };
    match path {
        "/here" => moved(302, "/echo"),
        "/there" => moved(307, "https://b.example/echo"),
        "/to-denied" => moved(307, "https://b.example/denied"),
        "/early" => Ok(response(413, full(b"too much"))),
        "/large" => Ok(response(200, full(&[b'z'; 200_000]))),
        "/binary" => Ok(response(200, full(b"a\xff"))),
        "/broken" => Ok(response(200, Broken(0).boxed_unsync())),
        "/denied" => Err(Error::HttpRequestDenied),
        "/private" => Err(Error::DestinationIpProhibited),
        "/unknown" => Err(Error::DnsError { rcode: None, info_code: None }),
        "/limit" => Err(Error::ConnectionLimitReached),
        "/header" => {
            Err(Error::HttpRequestHeaderSize { field_name: Some("gloveport-secret".into()), field_size: None })
        }
        _ => Ok(response(200, full(b"hello"))),
    }
}

/// A body that breaks off after its first part.
struct Broken(u8);

impl http_body::Body for Broken {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        self.0 += 1;
        Poll::Ready(Some(match self.0 {
            1 => Ok(Frame::data(Bytes::from_static(b"start"))),
            _ => Err(Error::ConnectionTerminated),
        }))
    }
}
