//! Following redirects: each hop is a request of its own, which the host decides on.

use super::{
    Error, Response,
    request::{Body, Head, check_url},
};
use url::Url;

/// Headers that are for one origin alone.
const PERSONAL: [&str; 3] = ["authorization", "cookie", "proxy-authorization"];

/// Sends a request, and up to `hops` more as the responses ask for.
pub(super) fn send(
    mut head: Head,
    mut body: Body,
    hops: u32,
    mut exchange: impl FnMut(&Head, &mut Body) -> Result<Response, Error>,
) -> Result<Response, Error> {
    let mut followed = 0;
    loop {
        let response = exchange(&head, &mut body)?;
        let Some(target) = target(&head.url, &response).filter(|_| hops > 0) else { return Ok(response) };
        if followed == hops {
            return Err(Error::Redirect(format!("there were more than {hops} in a row")));
        }
        followed += 1;
        turn(&mut head, &mut body, response.status, target?)?;
    }
}

/// Where a response sends its reader, if it does.
fn target(from: &Url, response: &Response) -> Option<Result<Url, Error>> {
    if !matches!(response.status, 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    let location = response.header("location")?;
    let target = from.join(location).map_err(|error| error.to_string());
    let target = target.and_then(|url| check_url(&url).map(|()| url));
    Some(target.map_err(|error| Error::Redirect(format!("{}: {error}", from.origin().ascii_serialization()))))
}

/// Makes the request the next one.
fn turn(head: &mut Head, body: &mut Body, status: u16, target: Url) -> Result<(), Error> {
    let to_get = match status {
        303 => !matches!(head.method.as_str(), "GET" | "HEAD"),
        301 | 302 => head.method == "POST",
        _ => false,
    };
    if to_get {
        head.method = "GET".to_owned();
        *body = Body::Empty;
        head.headers.retain(|(name, _)| !name.starts_with("content-"));
    }
    if matches!(body, Body::Spent) {
        let text = "it asks for the body again, which was read while it was sent: give it as bytes";
        return Err(Error::Redirect(text.to_owned()));
    }
    if target.origin() != head.url.origin() {
        head.secrets.clear();
        head.headers.retain(|(name, _)| !PERSONAL.contains(&name.as_str()));
    }
    head.url = target;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::ResponseBody;

    /// A server: the n-th request gets the n-th answer, a status and where to go.
    fn run(method: &str, body: Body, hops: u32, answers: &[(u16, &str)]) -> (Vec<String>, Result<u16, String>) {
        let url = "https://a.example/one/two?q".parse().expect("a URL");
        let headers = [("accept", "x"), ("authorization", "y"), ("cookie", "z"), ("content-type", "t")];
        let headers = headers.map(|(name, value)| (name.to_owned(), value.into())).into();
        let head = Head { method: method.into(), url, headers, secrets: vec!["s; bearer".into()], timeout: None };
        let mut sent = Vec::new();
        let ended = send(head, body, hops, |head, body| {
            let names = head.headers.iter().map(|(name, _)| name.as_str());
            let names: Vec<_> = names.chain(head.secrets.iter().map(|_| "SECRET")).collect();
            let carried = body.carry(|reader| {
                let mut text = String::new();
                reader.read_to_string(&mut text).expect("text");
                text
            });
            let carried = carried.unwrap_or_default();
            let (status, location) = answers[sent.len()];
            sent.push(format!("{} {} [{}] {carried}", head.method, head.url, names.join(" ")));
            let headers = if location.is_empty() { Vec::new() } else { vec![("location".into(), location.into())] };
            Ok(Response { status, url: head.url.to_string(), headers, body: ResponseBody::new(std::io::empty()) })
        });
        (sent, ended.map(|response| response.status).map_err(|error| error.to_string()))
    }

    #[track_caller]
    fn check(method: &str, hops: u32, answers: &[(u16, &str)], expected: &[&str], ended: Result<u16, &str>) {
        let (sent, got) = run(method, Body::Bytes(b"B".to_vec()), hops, answers);
        assert_eq!(sent[1..], *expected);
        assert_eq!(got, ended.map_err(str::to_owned));
    }

    const ALL: &str = "[accept authorization cookie content-type SECRET] B";

    #[test]
    fn redirects_are_followed_as_far_as_asked() {
        check("GET", 0, &[(302, "/x")], &[], Ok(302));
        check("GET", 1, &[(302, "/x"), (200, "")], &[&format!("GET https://a.example/x {ALL}")], Ok(200));
        check("GET", 1, &[(308, "x"), (404, "/y")], &[&format!("GET https://a.example/one/x {ALL}")], Ok(404));
        check("GET", 3, &[(304, "/x")], &[], Ok(304));
        check("GET", 3, &[(302, "")], &[], Ok(302));
        let there = format!("GET https://a.example/x {ALL}");
        check(
            "GET",
            1,
            &[(302, "/x"), (302, "/x")],
            &[&there],
            Err("redirect not followed: there were more than 1 in a row"),
        );
    }

    #[test]
    fn what_is_for_one_origin_stays_there() {
        let bare = "[accept content-type] B";
        for target in ["https://b.example/", "http://a.example/", "https://a.example:8443/", "//b.example"] {
            let to = Url::parse("https://a.example").and_then(|base| base.join(target)).expect(target);
            check("GET", 5, &[(307, target), (200, "")], &[&format!("GET {to} {bare}")], Ok(200));
        }
        // Not given back on return, which a hostile server could ask for.
        let answers = [(307, "https://b.example/"), (307, "https://a.example/"), (200, "")];
        let expected = [format!("GET https://b.example/ {bare}"), format!("GET https://a.example/ {bare}")];
        check("GET", 5, &answers, &[&expected[0], &expected[1]], Ok(200));
        // The default port is the same origin.
        check(
            "GET",
            5,
            &[(307, "https://a.example:443/"), (200, "")],
            &[&format!("GET https://a.example/ {ALL}")],
            Ok(200),
        );
    }

    #[test]
    fn methods_and_bodies_follow_the_status() {
        let get = "GET https://a.example/x [accept authorization cookie SECRET] ";
        let same = |method: &str| format!("{method} https://a.example/x {ALL}");
        check("POST", 1, &[(301, "/x"), (200, "")], &[get], Ok(200));
        check("POST", 1, &[(302, "/x"), (200, "")], &[get], Ok(200));
        check("PUT", 1, &[(303, "/x"), (200, "")], &[get], Ok(200));
        check("PUT", 1, &[(302, "/x"), (200, "")], &[&same("PUT")], Ok(200));
        check("HEAD", 1, &[(303, "/x"), (200, "")], &[&same("HEAD")], Ok(200));
        check("POST", 1, &[(307, "/x"), (200, "")], &[&same("POST")], Ok(200));
        check("POST", 1, &[(308, "/x"), (200, "")], &[&same("POST")], Ok(200));
    }

    #[test]
    fn a_stream_is_sent_once() {
        let stream = || Body::Stream(Box::new(std::io::Cursor::new("B")));
        let (sent, ended) = run("POST", stream(), 1, &[(307, "/x")]);
        assert_eq!(sent.len(), 1);
        assert!(ended.expect_err("spent").contains("asks for the body again"));
        let (sent, ended) = run("POST", stream(), 1, &[(303, "/x"), (200, "")]);
        assert_eq!((sent.len(), ended), (2, Ok(200)));
    }

    #[test]
    fn nobody_is_sent_elsewhere() {
        let refused = |text: &str| format!("redirect not followed: https://a.example: {text}");
        let check = |to: &str, text: &str| check("GET", 1, &[(302, to)], &[], Err(&refused(text)));
        check("file:///etc/passwd", "`file:` is not spoken here; expected `https:` or `http:`");
        check("https://joe:pw@b.example/", "the URL holds a user or a password; name a secret of the host's instead");
        check("https://", "empty host");
    }
}
