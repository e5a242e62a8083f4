//! A real server on the loopback interface, with and without TLS.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread::JoinHandle;

use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::*;

const AUTHORITY: &[u8] = include_bytes!("../../../tests/tls/authority.der");
const CERTIFICATE: &[u8] = include_bytes!("../../../tests/tls/localhost.der");
const KEY: &[u8] = include_bytes!("../../../tests/tls/localhost.key.der");

/// Answers each connection with one of `answers`, and then tells what it was asked.
struct Server {
    port: u16,
    asked: JoinHandle<Vec<String>>,
}

fn serve(answers: Vec<Vec<u8>>, tls: Option<Arc<ServerConfig>>) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let asked = std::thread::spawn(move || {
        let serve_one = |answer: Vec<u8>| {
            let (stream, _) = listener.accept().unwrap();
            match &tls {
                None => answered(stream, &answer),
                Some(config) => {
                    let connection = ServerConnection::new(Arc::clone(config)).unwrap();
                    answered(StreamOwned::new(connection, stream), &answer)
                }
            }
        };
        answers.into_iter().map(serve_one).collect()
    });
    Server { port, asked }
}

/// Reads one request and writes `answer`; the request, or what was read of it.
fn answered(mut stream: impl Read + Write, answer: &[u8]) -> String {
    let mut request = Vec::new();
    let mut byte = [0];
    while !request.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|count| count == 1) {
        request.push(byte[0]);
    }
    // Whoever asked may be gone already.
    let _ = stream.write_all(answer);
    let _ = stream.flush();
    String::from_utf8(request).unwrap()
}

fn ok(body: &str, header: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n{header}\r\n{body}").into_bytes()
}

fn bare(status: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n").into_bytes()
}

fn source(server: &Server) -> UrlSource {
    UrlSource::new(&format!("http://127.0.0.1:{}/list?x=1", server.port)).unwrap()
}

#[test]
fn a_url_is_followed_over_tls_or_on_this_machine() {
    for refused in [
        "http://example.com/",
        "ftp://localhost/",
        "http://10.0.0.1/",
    ] {
        let source = UrlSource::new(refused).err();
        assert_eq!(source, Some(NotASource::NotHttps), "{refused}");
    }
    for refused in ["", "/list", "https://", "https://user@localhost/"] {
        let source = UrlSource::with_root(refused, AUTHORITY).err();
        assert!(
            matches!(source, Some(NotASource::Url | NotASource::NotHttps)),
            "{refused}"
        );
    }
    for taken in [
        "http://localhost/",
        "http://[::1]:8080/x",
        "http://127.0.0.1/",
    ] {
        assert!(UrlSource::new(taken).is_ok(), "{taken}");
    }
    assert!(UrlSource::with_root("https://example.com/", AUTHORITY).is_ok());
}

#[test]
fn what_has_not_changed_is_not_sent_again() {
    let text = list(4, now(), &[]);
    let chunked = |text: &str| {
        let (one, two) = text.split_at(10);
        let (one_length, two_length) = (one.len(), two.len());
        format!(
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n\
             {one_length:x}\r\n{one}\r\n{two_length:x}\r\n{two}\r\n0\r\n\r\n"
        )
    };
    let second = list(5, now(), &[1]);
    let server = serve(
        vec![
            ok(&text, "etag: \"v4\"\r\n"),
            bare("304 Not Modified"),
            chunked(&second).into_bytes(),
        ],
        None,
    );
    let verifier = verifier(300, 0);
    let mut follower = RevocationFollower::new(source(&server));
    assert_eq!(
        follower.refresh(&verifier, now()),
        Ok(Refreshed::Taken { version: 4 })
    );
    assert_eq!(follower.refresh(&verifier, now()), Ok(Refreshed::Same));
    assert_eq!(
        follower.refresh(&verifier, now()),
        Ok(Refreshed::Taken { version: 5 })
    );
    assert_eq!(
        called(&verifier, 1, now()),
        Some(Refusal::Revoked { block: 1 })
    );
    let asked = server.asked.join().unwrap();
    assert!(
        asked[0].starts_with("GET /list?x=1 HTTP/1.1\r\n"),
        "{}",
        asked[0]
    );
    let conditions = asked
        .iter()
        .map(|asked| asked.contains("if-none-match: \"v4\"\r\n"));
    assert_eq!(conditions.collect::<Vec<_>>(), [false, true, true]);
}

#[test]
fn an_answer_that_is_no_document_leaves_everything_as_it_was() {
    let cut = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nabc".to_vec();
    let moved = b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n";
    let answers = vec![
        bare("404 Not Found"),
        moved.to_vec(),
        bare("500 Internal Server Error"),
        cut,
        b"nonsense\r\n\r\n".to_vec(),
        Vec::new(),
    ];
    let count = answers.len();
    let server = serve(answers, None);
    let verifier = verifier(300, 0);
    verifier
        .update_revocations(&list(1, now(), &[]), now())
        .unwrap();
    let mut follower = RevocationFollower::new(source(&server));
    let mut ended = Vec::new();
    for _ in 0..count {
        match follower.refresh(&verifier, now()) {
            Err(FollowError::Fetch(error)) => ended.push(error),
            other => panic!("{other:?}"),
        }
    }
    let statuses = [404, 302, 500].map(FetchError::Status);
    assert_eq!(ended[..3], statuses);
    assert!(
        ended[3..]
            .iter()
            .all(|error| matches!(error, FetchError::Failed(_))),
        "{ended:?}"
    );
    assert_eq!(called(&verifier, 1, now()), None);
    drop(server.asked);
    let mut nobody = UrlSource::new("http://127.0.0.1:1/").unwrap();
    assert!(matches!(nobody.fetch(None, 10), Err(FetchError::Failed(_))));
}

#[test]
fn no_more_is_read_than_may_be() {
    let announced = ok(&"a".repeat(100), "");
    let endless = [&b"HTTP/1.1 200 OK\r\n\r\n"[..], &[b'a'; 100_000]].concat();
    let server = serve(vec![announced.clone(), endless, announced], None);
    let mut source = source(&server);
    assert_eq!(source.fetch(None, 99), Err(FetchError::TooLarge));
    assert_eq!(source.fetch(None, 99), Err(FetchError::TooLarge));
    assert_eq!(source.fetch(None, 100), new("a".repeat(100)));
}

#[test]
fn a_server_that_says_nothing_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let source = UrlSource::new(&format!("http://127.0.0.1:{port}/"));
    let mut source = source.unwrap().with_timeout_s(1);
    let kept: JoinHandle<TcpStream> = std::thread::spawn(move || listener.accept().unwrap().0);
    let ended = source.fetch(None, 10);
    assert!(matches!(ended, Err(FetchError::Failed(_))), "{ended:?}");
    drop(kept.join().unwrap());
}

fn tls() -> Arc<ServerConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let key = PrivateKeyDer::try_from(KEY.to_vec()).unwrap();
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![CertificateDer::from(CERTIFICATE.to_vec())], key);
    Arc::new(config.unwrap())
}

#[test]
fn a_list_comes_over_tls_from_the_server_that_is_meant() {
    let text = list(9, now(), &[]);
    let answer = ok(&text, "");
    let server = serve(vec![answer.clone(), answer.clone(), answer], Some(tls()));
    let port = server.port;
    let verifier = verifier(300, 0);
    let at = |host: &str| UrlSource::with_root(&format!("https://{host}:{port}/"), AUTHORITY);
    let mut meant = RevocationFollower::new(at("localhost").unwrap());
    let taken = Ok(Refreshed::Taken { version: 9 });
    assert_eq!(meant.refresh(&verifier, now()), taken);
    // The same server under a name that its certificate does not have.
    let mut other = at("127.0.0.2").unwrap().with_timeout_s(2);
    assert!(matches!(
        other.fetch(None, 10_000),
        Err(FetchError::Failed(_))
    ));
    // An authority that nobody on this machine trusts.
    let mut untrusted = UrlSource::new(&format!("https://localhost:{port}/")).unwrap();
    let ended = untrusted.fetch(None, 10_000);
    assert!(
        matches!(&ended, Err(FetchError::Failed(why)) if why.contains("certificate")),
        "{ended:?}"
    );
    drop(server.asked);
}
