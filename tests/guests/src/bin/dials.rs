//! Opens sockets as it is told to: `tcp HOST:PORT TEXT`, `many HOST:PORT COUNT`, `again HOST:PORT COUNT`, `udp ADDRESS TEXT`, `listen ADDRESS`, `look NAME`.
#![allow(clippy::disallowed_methods, reason = "in a guest, std is the sandbox's own door")]

use std::{
    env,
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream, ToSocketAddrs as _, UdpSocket},
    process::ExitCode,
};

fn main() -> ExitCode {
    let args: Vec<_> = env::args().skip(1).collect();
    let args: Vec<_> = args.iter().map(String::as_str).collect();
    let done = match args.as_slice() {
        ["tcp", to, text] => tcp(to, text),
        ["many", to, count] => many(to, count),
        ["again", to, count] => again(to, count),
        ["udp", to, text] => udp(to, text),
        ["listen", on] => TcpListener::bind(on).map(|_| "listens".to_owned()),
        ["look", name] => (*name, 1).to_socket_addrs().map(|found| format!("{:?}", found.collect::<Vec<_>>())),
        _ => panic!("unknown arguments"),
    };
    match done {
        Ok(text) => {
            println!("{text}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            println!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn tcp(to: &str, text: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(to)?;
    stream.write_all(text.as_bytes())?;
    let mut back = vec![0; text.len()];
    stream.read_exact(&mut back)?;
    Ok(String::from_utf8_lossy(&back).into_owned())
}

/// So many at once.
fn many(to: &str, count: &str) -> std::io::Result<String> {
    let count = count.parse().expect("a number");
    let open = (0..count).map(|_| TcpStream::connect(to)).collect::<std::io::Result<Vec<_>>>()?;
    Ok(format!("{} at once", open.len()))
}

/// So many, one after the other.
fn again(to: &str, count: &str) -> std::io::Result<String> {
    let count: usize = count.parse().expect("a number");
    (0..count).try_for_each(|_| TcpStream::connect(to).map(drop))?;
    Ok(format!("{count} in turn"))
}

fn udp(to: &str, text: &str) -> std::io::Result<String> {
    let socket = UdpSocket::bind("0.0.0.0:0")?;
    socket.send_to(text.as_bytes(), to)?;
    let mut back = [0; 1000];
    let (length, _) = socket.recv_from(&mut back)?;
    Ok(String::from_utf8_lossy(&back[..length]).into_owned())
}
