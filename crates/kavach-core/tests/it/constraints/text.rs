//! Constraints as text: what is refused, and what is printed.

use kavach_core::{Constraints, Permission};

/// How the message ends, for each of the texts.
#[track_caller]
fn refuse(texts: &[&str], words: &str) {
    for text in texts {
        let error = format!("read:mcp:a?{text}")
            .parse::<Permission>()
            .expect_err(text)
            .to_string();
        assert!(error.contains(words), "{text}: {error}");
    }
}

#[track_caller]
fn check(written: &str, want: &str) {
    let read: Permission = format!("read:mcp:a?{written}")
        .parse()
        .unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(read.to_string(), format!("read:mcp:a?{want}"), "{written}");
}

#[test]
fn limits_that_are_none_are_refused() {
    refuse(
        &[
            "rate=",
            "rate=20",
            "rate=/h",
            "rate=20/",
            "rate=h/20",
            "rate=20/0h",
            "rate=20/01h",
            "rate=020/h",
            "rate=-1/h",
            "rate=1.5/h",
            "rate=20/H",
            "rate=20/32d",
            "rate=20/5w",
            "rate=20/2678401s",
            "rate=20/99999999999s",
            "rate=4294967296/h",
            "rate=20/h,",
            "rate=20/h,,5/s",
            "rate=20/h,30/60m",
            "rate=20/h,20/h",
            "rate=20/+h",
            "rate=unlimited",
            "rate=20/month",
            "rate=1/s,1/2s,1/3s,1/4s,1/5s,1/6s,1/7s,1/8s,1/9s",
        ],
        "`rate` is up to 8 rates over different times",
    );
    refuse(
        &[
            "budget=",
            "budget=5",
            "budget=5/d",
            "budget=5/DAY",
            "budget=05/day",
            "budget=-5/day",
            "budget=0.5/day",
            "budget=5/day,6/day",
            "budget=5/week",
            "budget=18446744073709551616/day",
            "budget=5/day;6/month",
        ],
        "`budget` is up to 3 budgets over different times",
    );
    check("rate=100/d,20/60m", "rate=20/h,100/d");
    check(
        "budget=1000/total,5/day,100/month",
        "budget=5/day,100/month,1000/total",
    );
    check(
        "rate=1/8s,1/s,1/2s,1/3s,1/4s,1/5s,1/6s,1/7s",
        "rate=1/s,1/2s,1/3s,1/4s,1/5s,1/6s,1/7s,1/8s",
    );
}

#[test]
fn approvals_and_trust_that_are_none_are_refused() {
    refuse(
        &[
            "approve=0",
            "approve=",
            "approve=17",
            "approve=01",
            "approve=true",
            "approve=-1",
            "approve=1.0",
        ],
        "`approve` is a number of people from 1 to 16",
    );
    refuse(
        &[
            "min_trust=",
            "min_trust=Standard",
            "min_trust=50",
            "min_trust=none",
        ],
        "it must be one of: untrusted limited standard trusted elevated",
    );
    refuse(
        &[
            "min_trust",
            "rate",
            "budget",
            "window",
            "ip",
            "expires",
            "depth",
            "args",
        ],
        "write each constraint as `name=value`",
    );
    check("approve=1", "approve");
    check("approve=16", "approve=16");
}

#[test]
fn windows_that_are_none_are_refused() {
    refuse(
        &[
            "window=",
            "window=daily",
            "window=daily+09:00-17:00",
            "window=09:00-17:00+UTC",
            "window=daily+9:00-17:00+UTC",
            "window=daily+09:00-17:0+UTC",
            "window=daily+09:60-17:00+UTC",
            "window=daily+24:00-25:00+UTC",
            "window=daily+09:00-24:01+UTC",
            "window=daily+09:00+UTC",
            "window=daily++09:00-17:00+UTC",
            "window=daily+09:00-17:00+UTC+",
            "window=Mon+09:00-17:00+UTC",
            "window=monday+09:00-17:00+UTC",
            "window=mon,mon+09:00-17:00+UTC",
            "window=mon-wed,tue+09:00-17:00+UTC",
            "window=mon-+09:00-17:00+UTC",
            "window=,mon+09:00-17:00+UTC",
            "window=daily,mon+09:00-17:00+UTC",
            "window=daily+0900-1700+UTC",
            "window=daily+09:00:00-17:00:00+UTC",
            "window=daily+24:00-09:00+UTC",
            "window=daily+09:00-17:00+UTC;",
        ],
        "a window is days, times and a zone",
    );
    refuse(
        &[
            "window=daily+09:00-09:00+UTC",
            "window=daily+00:00-00:00+UTC",
        ],
        "a window does not end when it begins",
    );
    refuse(&["window=daily+09:00-00:00+UTC"], "ends at `24:00`");
    refuse(
        &[
            "window=daily+09:00-17:00+Europe/berlin",
            "window=daily+09:00-17:00+CET-1",
            "window=daily+09:00-17:00+%2B01:00",
            "window=daily+09:00-17:00+Local",
            "window=daily+09:00-17:00+utc",
            "window=daily+09:00-17:00+Etc/Unknown",
            "window=daily+09:00-17:00+Mars/Phobos",
            "window=daily+09:00-17:00+../UTC",
        ],
        "a window's zone is a name of the IANA time zone database",
    );
    let nine: Vec<String> = (1..10)
        .map(|hour| format!("mon+0{hour}:00-1{hour}:00+UTC"))
        .collect();
    refuse(
        &[&format!("window={}", nine.join(";"))],
        "`window` is up to 8 windows",
    );
    check(
        &format!("window={}", nine[..8].join(";")),
        &format!("window={}", nine[..8].join(";")),
    );
}

#[test]
fn windows_are_printed_in_one_way() {
    for (written, want) in [
        ("mon-sun+09:00-17:00+UTC", "daily+09:00-17:00+UTC"),
        (
            "sun,mon,tue,wed,thu,fri,sat+09:00-17:00+UTC",
            "daily+09:00-17:00+UTC",
        ),
        ("fri,mon,tue+09:00-17:00+UTC", "mon-tue,fri+09:00-17:00+UTC"),
        ("sat-mon+09:00-17:00+UTC", "mon,sat-sun+09:00-17:00+UTC"),
        ("wed-wed+09:00-17:00+UTC", "wed+09:00-17:00+UTC"),
        ("wed-tue+09:00-17:00+UTC", "daily+09:00-17:00+UTC"),
        (
            "mon%2Dfri%2009:00-17:00%20Europe/Berlin",
            "mon-fri+09:00-17:00+Europe/Berlin",
        ),
        (
            "tue+09:00-17:00+UTC;mon+09:00-17:00+UTC",
            "mon+09:00-17:00+UTC;tue+09:00-17:00+UTC",
        ),
        (
            "mon+09:00-17:00+UTC;mon+09:00-17:00+UTC",
            "mon+09:00-17:00+UTC",
        ),
        // What another one implies says nothing.
        (
            "mon-fri+09:00-17:00+UTC;tue+10:00-12:00+UTC",
            "tue+10:00-12:00+UTC",
        ),
        (
            "daily+22:00-06:00+UTC;fri+23:00-01:00+UTC",
            "fri+23:00-01:00+UTC",
        ),
        (
            "daily+22:00-06:00+UTC;sat+01:00-06:00+UTC",
            "sat+01:00-06:00+UTC",
        ),
        (
            "fri+22:00-06:00+UTC;sun+01:00-06:00+UTC",
            "fri+22:00-06:00+UTC;sun+01:00-06:00+UTC",
        ),
        (
            "mon-fri+00:00-24:00+UTC;tue+22:00-06:00+UTC",
            "tue+22:00-06:00+UTC",
        ),
        (
            "daily+09:00-17:00+UTC;daily+09:00-17:00+Etc/UTC",
            "daily+09:00-17:00+Etc/UTC;daily+09:00-17:00+UTC",
        ),
    ] {
        check(&format!("window={written}"), &format!("window={want}"));
    }
}

#[test]
fn addresses_that_are_none_are_refused() {
    refuse(
        &[
            "ip=10.0.0.0/33",
            "ip=10.0.0/8",
            "ip=10.0.0.0/",
            "ip=10.0.0.0/08",
            "ip=010.0.0.0/8",
            "ip=10.0.0.0-10.0.0.9",
            "ip=localhost",
            "ip=*",
            "ip=::/129",
            "ip=10.0.0.0/8,",
            "ip=none,10.0.0.0/8",
            "ip=[::1]",
            "ip=10.0.0.0/8+,::1",
            "ip=fe80::1%25eth0",
        ],
        "a block is an address, or one with the length of its prefix",
    );
    refuse(
        &[
            "ip=10.0.0.1/8",
            "ip=0.0.0.1/0",
            "ip=2001:db8::1/32",
            "ip=::ffff:10.0.0.1/104",
            "ip=::ffff:0:0/95",
        ],
        "bits below its prefix",
    );
    refuse(&["ip="], "`ip` is up to 64 blocks");
    let many: Vec<String> = (0..65).map(|last| format!("10.0.{last}.1")).collect();
    refuse(
        &[&format!("ip={}", many.join(","))],
        "`ip` is up to 64 blocks",
    );
    check(
        &format!("ip={}", many[..64].join(",")),
        &format!("ip={}", many[..64].join(",")),
    );
    check("ip=none", "ip=none");
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table is as long as it is")]
fn rules_for_arguments_that_are_none_are_refused() {
    refuse(
        &[
            "args=",
            "args=any",
            "args=none&args/a.any",
            "args=/a",
            "args=%7B%7D",
        ],
        "`args` alone is `none`",
    );
    refuse(
        &[
            "args/a=5",
            "args/a",
            "args/a~2.any",
            "args/a~.any",
            "args.a.any",
            "args/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17.any",
        ],
        "a rule for arguments is a JSON pointer, a dot and a rule",
    );
    refuse(
        &[
            "args/a.maximum=5",
            "args/a.regex=.*",
            "args/a.=5",
            "args/a.MAX=5",
            "args/file.txt",
        ],
        "it has a rule for arguments that is not known",
    );
    refuse(
        &["argsa.max=5", "arg/a.max=5", "args-a.max=5"],
        "it has a constraint that is not known",
    );
    refuse(
        &[
            "args/a.any=1",
            "args/a.optional=true",
            "args/a.none=",
            "args/a.closed=1",
        ],
        "stand alone, without a value",
    );
    refuse(
        &["args/a.none&args/a.optional", "args/a.max=5&args/a.none"],
        "`none` is for what may not be there",
    );
    refuse(
        &[
            "args/a.max=5&args/a.max=5",
            "args/a.any&args/a.any",
            "args/a.max=5&args/%61.max=5",
            "args=none&args=none",
        ],
        "it names a constraint twice",
    );
    refuse(
        &[
            "args/a.max",
            "args/a.max=",
            "args/a.max=x",
            "args/a.max=1e3",
            "args/a.max=007",
            "args/a.max=%2B1",
            "args/a.max=.5",
            "args/a.max=5.",
            "args/a.max=-",
            "args/a.max=18446744073709551616",
            "args/a.min=-9223372036854775809",
            "args/a.max=0.1234567890123456",
            "args/a.max=NaN",
            "args/a.max=inf",
        ],
        "`min` and `max` are whole numbers of 64 bits",
    );
    refuse(
        &[
            "args/a.eq",
            "args/a.eq=",
            "args/a.eq=1,2",
            "args/a.in=a,",
            "args/a.in=,a",
            "args/a.in=007",
            "args/a.in=2026-11-21",
            "args/a.eq=%22a",
            "args/a.eq=%22a%22b",
            "args/a.eq=a%22b",
            "args/a.eq=-",
        ],
        "`eq` is one value",
    );
    refuse(
        &["args/a.len_max=-1", "args/a.len_min=x", "args/a.len_max="],
        "a length is a whole number from 0",
    );
    refuse(&["args/a.prefix", "args/a.prefix="], "`prefix` is text");
    refuse(
        &[
            "args/a.subpath=",
            "args/a.subpath=/a/",
            "args/a.subpath=/a/../b",
            "args/a.subpath=./a",
            "args/a.subpath=//a",
            "args/a.subpath=a%5Cb",
            "args/a.subpath=~",
            "args/a.subpath=..",
            "args/a.subpath=C:/a",
        ],
        "`subpath` is a path without",
    );
    refuse(
        &["args/a.cidr=", "args/a.cidr=none", "args/a.cidr=10.0.0.1/8"],
        "`cidr` is up to 64 blocks",
    );
    refuse(
        &[
            "args/a.host=",
            "args/a.host=*",
            "args/a.host=*.",
            "args/a.host=a..b",
            "args/a.host=https://a",
            "args/a.host=a:80",
            "args/a.host=a.*.b",
            "args/a.host=%C3%A4.de",
        ],
        "`host` is up to 64 hosts",
    );
    refuse(
        &[
            "args/a.type=",
            "args/a.type=text",
            "args/a.type=String",
            "args/a.type=string,",
        ],
        "`type` is of `array`",
    );
    refuse(
        &[
            "args/a.bool=",
            "args/a.bool=1",
            "args/a.bool=yes",
            "args/a.bool",
        ],
        "`bool` is `true` or `false`",
    );
    let many: Vec<String> = (0..33).map(|place| format!("args/{place}.any")).collect();
    refuse(&[&many.join("&")], "rules for more than 32 places");
}

#[test]
fn rules_for_arguments_are_printed_in_one_way() {
    for (written, want) in [
        ("args/b.any&args/a.any", "args/a.any&args/b.any"),
        ("args/a.min=1&args/a.max=5", "args/a.max=5&args/a.min=1"),
        ("args/a.max=5.0", "args/a.max=5"),
        ("args/a.max=0.250", "args/a.max=0.25"),
        ("args/a.max=-0", "args/a.max=0"),
        ("args/a.in=USD,EUR,USD", "args/a.in=EUR,USD"),
        ("args/a.in=EUR", "args/a.eq=EUR"),
        ("args/a.bool=true", "args/a.eq=true"),
        ("args/a.in=x,2,1,true,null", "args/a.in=null,true,1,2,x"),
        ("args/a.eq=%22EUR%22", "args/a.eq=EUR"),
        ("args/a.eq=%22true%22", "args/a.eq=%22true%22"),
        (
            "args/a.in=%22a,b%22,%22c%5C%22d%22",
            "args/a.in=%22a,b%22,%22c%5C%22d%22",
        ),
        (
            "args/a.type=string,integer,number",
            "args/a.type=number,string",
        ),
        ("args/a.type=string&args/a.prefix=x", "args/a.prefix=x"),
        ("args/a.type=number&args/a.max=5", "args/a.max=5"),
        (
            "args/a.type=integer&args/a.max=5",
            "args/a.max=5&args/a.type=integer",
        ),
        (
            "args/a.host=B.org,*.a.org,x.a.org",
            "args/a.host=*.a.org,b.org",
        ),
        (
            "args/a.cidr=10.0.0.0/9,10.128.0.0/9",
            "args/a.cidr=10.0.0.0/8",
        ),
        ("args/a.any&args/a.max=5", "args/a.max=5"),
        ("args/a.any&args/a.optional", "args/a.optional"),
        // A finite list says all that there is to say.
        ("args/a.in=1,5,9&args/a.max=5", "args/a.in=1,5"),
        ("args/a.in=a,bb&args/a.len_max=1", "args/a.eq=a"),
        // What cannot be.
        ("args/a.min=2&args/a.max=1", "args=never"),
        ("args/a.eq=5&args/a.max=4", "args=never"),
        ("args/a.prefix=x&args/a.max=4", "args=never"),
        ("args/a.min=2&args/a.max=1&args/a.optional", "args=none"),
        ("args/a.none", "args=none"),
        ("args.closed", "args.closed"),
        ("args.none", "args.none"),
        ("args.optional&args.closed", "args=none"),
        ("args.none&args/a.optional", "args.none"),
        ("args.none&args/a.any", "args=never"),
        ("args.optional&args.any", "args.optional"),
        ("args/a.none&args/b.any", "args/b.any"),
        ("args/a.none&args/a/b.any", "args=never"),
        ("args/a.closed", "args=never"),
        ("args/a.closed&args/b.any", "args=never"),
        ("args/a.closed&args/a.optional&args/b.any", "args/b.any"),
        ("args=never", "args=never"),
        // What is said already.
        ("args/a.any&args/a/b.optional", "args/a.any"),
        ("args/a/b.any&args/a.any", "args/a.any&args/a/b.any"),
        ("args/a.optional&args/a/b.any", "args/a.any&args/a/b.any"),
        ("args/a.any&args/a.closed&args/a/b.any", "args/a/b.any"),
        ("args/a~1b.any&args/c.d.any", "args/a~1b.any&args/c.d.any"),
        (
            "args/%61%20b.prefix=a+b%2Bc%26d%3De%25",
            "args/a+b.prefix=a+b%2Bc%26d=e%25",
        ),
        ("args/a%3Db.any", "args/a%3Db.any"),
        ("args/%C3%A9.eq=%C3%A9", "args/%C3%A9.eq=%C3%A9"),
        ("args.len_max=2", "args.len_max=2"),
    ] {
        check(written, want);
    }
}

#[test]
fn all_of_them_stand_in_the_order_of_their_names() {
    let all = "approve=2&args/amount.max=500&args/currency.in=EUR,USD&budget=5/day&depth=2&expires=2099-01-01T00:00:00Z&ip=10.0.0.0/8,2001:db8::/32&\
               min_trust=standard&rate=20/h,100/d&window=mon-fri+09:00-17:00+Europe/Berlin";
    check(all, all);
    let mut turned: Vec<&str> = all.split('&').collect();
    turned.reverse();
    check(&turned.join("&"), all);
}

#[test]
fn the_parts_are_what_they_are_read_from() {
    let error = Constraints::of([("rate", Some("20/h")), ("size", None)])
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with(
            "`rate=20/h&size` is not a constraint: it has a constraint that is not known"
        ),
        "{error}"
    );
    assert_eq!(Constraints::of([]), Ok(Constraints::default()));
}
