//! Connects, binds and resolves.
#![allow(clippy::disallowed_methods, reason = "in a guest, std is the sandbox's own door")]

use std::{
    net::{TcpListener, TcpStream, ToSocketAddrs as _, UdpSocket},
    process::ExitCode,
};

fn main() -> ExitCode {
    let attempts: [(&str, bool); 4] = [
        ("connect", TcpStream::connect("127.0.0.1:80").is_ok()),
        ("listen", TcpListener::bind("127.0.0.1:0").is_ok()),
        ("udp", UdpSocket::bind("127.0.0.1:0").and_then(|socket| socket.send_to(b"x", "127.0.0.1:53")).is_ok()),
        ("resolve", "localhost:80".to_socket_addrs().is_ok()),
    ];
    let got: Vec<_> = attempts.iter().filter(|(_, done)| *done).map(|(what, _)| what).collect();
    if got.is_empty() {
        return ExitCode::SUCCESS;
    }
    println!("reached the network by {got:?}");
    ExitCode::FAILURE
}
