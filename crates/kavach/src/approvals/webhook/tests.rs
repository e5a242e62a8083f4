use super::*;

/// The example of Standard Webhooks 1.0, "Verifying webhooks".
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

fn secret() -> WebhookSecret {
    WebhookSecret::parse(SECRET).unwrap()
}

#[test]
fn a_signature_is_the_one_of_the_standards_example() {
    let body = r#"{"test": 2432232314}"#;
    let signature = secret().sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, body);
    let want = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
    assert_eq!(signature.unwrap(), want);
}

#[test]
fn a_secret_is_a_prefix_and_24_to_64_bytes() {
    let of = |bytes: usize| format!("whsec_{}", STANDARD.encode(vec![7; bytes]));
    for wrong in [
        "",
        "whsec_",
        "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "whsec_not base64",
        &of(23),
        &of(65),
    ] {
        let error = WebhookSecret::parse(wrong).unwrap_err();
        assert_eq!(error, NotAWebhookSecret, "{wrong}");
        assert!(wrong.len() < 10 || !error.to_string().contains(wrong));
    }
    for right in [of(24), of(64), format!("{SECRET}\n")] {
        WebhookSecret::parse(&right).unwrap();
    }
    assert_eq!(format!("{:?}", secret()), "WebhookSecret(..)");
}

#[test]
fn what_is_not_encrypted_goes_to_this_machine_only() {
    let unencrypted = |url: &str| NotAWebhook::Unencrypted(url.to_owned());
    let no_url = |url: &str| NotAWebhook::Url(url.to_owned());
    for url in [
        "http://example.com/hook",
        "http://10.0.0.1/",
        "http://localhost.example.com/",
        "http://127.0.0.1.example.com/",
        "http://0.0.0.0/",
    ] {
        assert_eq!(Webhook::new(url, secret()).unwrap_err(), unencrypted(url));
    }
    for url in [
        "",
        "/hook",
        "example.com",
        "ftp://localhost/",
        "https://user:pass@example.com/",
        "http://me@localhost/",
        "file:///etc/passwd",
    ] {
        assert_eq!(Webhook::new(url, secret()).unwrap_err(), no_url(url));
    }
    for url in [
        "http://localhost:8080/hook",
        "http://127.0.0.1/",
        "http://127.9.9.9/",
        "http://[::1]:9/",
    ] {
        Webhook::new(url, secret()).unwrap();
    }
}
