//! Rules for arguments: each at its edges, and what is not named.

use serde_json::{Value, json};

use super::{NOWHERE, allows, with};

/// Whether the rules allow each of these values at `/v`.
#[track_caller]
fn check(rule: &str, allowed: &[Value], denied: &[Value]) {
    let text = format!("args/v.{rule}");
    for (values, want) in [(denied, false), (allowed, true)] {
        for value in values {
            let args = json!({ "v": value });
            assert_eq!(allows(&text, with(&args)), want, "{text} {value}");
        }
    }
}

#[test]
fn a_range_includes_its_ends_and_is_for_numbers_only() {
    check(
        "max=500",
        &[
            json!(500),
            json!(500.0),
            json!(499.999),
            json!(0),
            json!(-1),
            json!(i64::MIN),
            json!(-1e300),
        ],
        &[
            json!(501),
            json!(500.000001),
            json!(1e300),
            json!(u64::MAX),
            json!("500"),
            json!("1"),
            json!(null),
            json!([500]),
            json!({"a": 1}),
            json!(true),
        ],
    );
    check(
        "min=0.25",
        &[json!(0.25), json!(1), json!(0.250001)],
        &[json!(0.249999), json!(0), json!(-5)],
    );
    check(
        "min=-0.5",
        &[json!(-0.5), json!(0), json!(-0.25)],
        &[json!(-0.500001), json!(-1)],
    );
    check(
        "max=0",
        &[json!(0), json!(-0.0), json!(-1)],
        &[json!(1), json!(0.1), json!("")],
    );
}

#[test]
fn numbers_are_compared_exactly() {
    // As doubles, each of these is the same as its neighbour.
    check(
        "max=9007199254740992",
        &[json!(9_007_199_254_740_992_u64)],
        &[json!(9_007_199_254_740_993_u64)],
    );
    check(
        "eq=9007199254740993",
        &[json!(9_007_199_254_740_993_u64)],
        &[
            json!(9_007_199_254_740_992_u64),
            json!(9_007_199_254_740_992.0),
        ],
    );
    check(
        "max=18446744073709551614",
        &[json!(u64::MAX - 1)],
        &[json!(u64::MAX), json!(18_446_744_073_709_551_616.0)],
    );
    check(
        "min=-9223372036854775807",
        &[json!(i64::MIN + 1)],
        &[json!(i64::MIN)],
    );
    check(
        "max=18446744073709551615",
        &[json!(u64::MAX)],
        &[json!(18_446_744_073_709_551_616.0)],
    );
    check(
        "eq=0.3",
        &[json!(0.3)],
        &[json!(0.1 + 0.2), json!(0.30000000000000004)],
    );
    check(
        "eq=5",
        &[json!(5), json!(5.0)],
        &[json!("5"), json!(5.5), json!([5])],
    );
    let args: Value = serde_json::from_str(r#"{"v": 0.1}"#).unwrap();
    assert!(allows("args/v.max=0.1", with(&args)));
}

#[test]
fn one_of_a_list_is_equal_in_type_and_in_every_letter() {
    check(
        "in=EUR,USD",
        &[json!("EUR"), json!("USD")],
        &[
            json!("eur"),
            json!("EURO"),
            json!("EU"),
            json!(" EUR"),
            json!(""),
            json!(null),
            json!(["EUR"]),
        ],
    );
    check(
        "eq=true",
        &[json!(true)],
        &[json!(false), json!("true"), json!(1), json!(null)],
    );
    check(
        "bool=false",
        &[json!(false)],
        &[json!(true), json!("false"), json!(0), json!(null)],
    );
    check(
        "eq=null",
        &[json!(null)],
        &[json!("null"), json!(0), json!(false)],
    );
    check("eq=%22%22", &[json!("")], &[json!(null), json!(" ")]);
    check("eq=%225%22", &[json!("5")], &[json!(5)]);
    check(
        "in=1,%22a,b%22,x",
        &[json!(1), json!("a,b"), json!("x")],
        &[json!("a"), json!("b"), json!("1")],
    );
}

#[test]
fn a_prefix_stands_at_the_beginning_and_is_of_text() {
    check(
        "prefix=ab",
        &[json!("ab"), json!("abc")],
        &[
            json!("a"),
            json!(""),
            json!("xab"),
            json!("Ab"),
            json!(["ab"]),
            json!(null),
        ],
    );
    check(
        "prefix=https://example.com/",
        &[json!("https://example.com/x")],
        &[
            json!("https://example.com.evil.org/"),
            json!(" https://example.com/"),
        ],
    );
    // There is no pattern in it.
    check("prefix=a.", &[json!("a.b")], &[json!("axb")]);
    check("prefix=a*", &[json!("a*")], &[json!("ab")]);
}

#[test]
fn a_length_is_of_characters_items_or_members() {
    check(
        "len_max=2",
        &[
            json!("ab"),
            json!("\u{e9}\u{1f600}"),
            json!(""),
            json!([1, 2]),
            json!([]),
            json!({"a": 1, "b": 2}),
        ],
        &[
            json!("abc"),
            json!([1, 2, 3]),
            json!({"a": 1, "b": 2, "c": 3}),
            json!(5),
            json!(null),
            json!(true),
        ],
    );
    check(
        "len_min=2",
        &[json!("ab"), json!("\u{1f600}\u{1f600}"), json!([1, 2])],
        &[
            json!("\u{1f600}"),
            json!(""),
            json!([1]),
            json!({}),
            json!(22),
        ],
    );
    check(
        "len_max=0",
        &[json!(""), json!([]), json!({})],
        &[json!("a"), json!([null])],
    );
}

#[test]
fn a_path_stays_at_or_below_its_base() {
    check(
        "subpath=/srv/data",
        &[
            json!("/srv/data"),
            json!("/srv/data/"),
            json!("/srv/data/a"),
            json!("/srv//data/./a/b"),
            json!("/srv/data/..."),
        ],
        &[
            json!("/srv/database"),
            json!("/srv"),
            json!("/"),
            json!(""),
            json!("srv/data"),
            json!("data"),
            json!("/srv/data/../x"),
            json!("/srv/data/.."),
            json!("/srv/data/a/../b"),
            json!("/srv/data/a\\..\\b"),
            json!("//srv/data/a"),
            json!("/Srv/data"),
            json!("/srv/data\0"),
            json!("/srv/data/\n"),
            json!(["/srv/data"]),
            json!(null),
        ],
    );
    check(
        "subpath=docs",
        &[json!("docs"), json!("docs/a"), json!("./docs/a")],
        &[
            json!("/docs"),
            json!("docs2"),
            json!("a/docs"),
            json!("../docs"),
            json!("~/docs"),
        ],
    );
    check(
        "subpath=.",
        &[json!("."), json!("a"), json!("a/b")],
        &[
            json!(".."),
            json!("a/../b"),
            json!("/a"),
            json!("~"),
            json!("~root/a"),
            json!("C:/a"),
            json!(""),
        ],
    );
    check(
        "subpath=/",
        &[json!("/"), json!("/etc")],
        &[json!("etc"), json!("//etc"), json!("/a/.."), json!("")],
    );
}

#[test]
fn a_host_is_the_one_that_everybody_reads() {
    check(
        "host=example.com",
        &[
            json!("example.com"),
            json!("EXAMPLE.com"),
            json!("example.com:8080"),
            json!("https://example.com"),
            json!("HTTPS://Example.COM:443/x?y#z"),
            json!("http://example.com?q=a"),
            json!("wss://example.com/@a"),
        ],
        &[
            json!("a.example.com"),
            json!("example.com.evil.org"),
            json!("evilexample.com"),
            json!("example.org"),
            json!(""),
            json!(" example.com"),
            json!("https://example.com@evil.org"),
            json!("https://evil.org@example.com"),
            json!("https://user:pass@example.com/"),
            json!("https://evil.org#@example.com"),
            json!("https://evil.org?@example.com/"),
            json!("https://example.com#@evil.org/"),
            json!("https://evil.org\\@example.com"),
            json!("https:\\\\example.com"),
            json!("https:/example.com"),
            json!("https:///example.com"),
            json!("https:example.com"),
            json!("//example.com"),
            json!("example.com/x"),
            json!("https://example.com:"),
            json!("https://example.com:8a"),
            json!("https://example.com%2eevil.org"),
            json!("https://ex\u{e4}mple.com"),
            json!("https://example.com."),
            json!("https://exa\tmple.com"),
            json!("javascript://example.com/%0aalert(1)"),
            json!("file://example.com/etc/passwd"),
            json!("https://[::1]/"),
            json!(["example.com"]),
            json!(null),
        ],
    );
    check(
        "host=*.example.com",
        &[json!("a.example.com"), json!("https://a.b.EXAMPLE.com/")],
        &[
            json!("example.com"),
            json!(".example.com"),
            json!("aexample.com"),
            json!("https://a.example.com.evil.org"),
            json!("a..example.com"),
        ],
    );
    check(
        "host=a.org,*.b.org",
        &[json!("a.org"), json!("x.b.org")],
        &[json!("b.org"), json!("x.a.org")],
    );
}

#[test]
fn an_address_is_one_and_in_a_block() {
    check(
        "cidr=10.0.0.0/8,2001:db8::/32",
        &[
            json!("10.0.0.0"),
            json!("10.255.255.255"),
            json!("2001:DB8::1"),
            json!("::ffff:10.1.2.3"),
        ],
        &[
            json!("11.0.0.0"),
            json!("9.255.255.255"),
            json!("010.0.0.1"),
            json!("10.0.0"),
            json!("10.0.0.0/8"),
            json!("0xa.0.0.1"),
            json!("167772161"),
            json!(167_772_161),
            json!("fe80::1%eth0"),
            json!("2001:db9::"),
            json!(""),
            json!(null),
        ],
    );
}

#[test]
fn a_type_is_one_of_those_named() {
    check(
        "type=integer",
        &[json!(5), json!(5.0), json!(-5), json!(1e20)],
        &[json!(5.5), json!("5"), json!(true), json!(null)],
    );
    check(
        "type=number",
        &[json!(5), json!(5.5)],
        &[json!("5"), json!([5])],
    );
    check(
        "type=string,null",
        &[json!(""), json!(null)],
        &[json!(0), json!(false), json!([]), json!({})],
    );
    check(
        "type=array",
        &[json!([]), json!([1, {"a": 2}])],
        &[json!({}), json!("[]")],
    );
    check("type=object", &[json!({}), json!({"a": [1]})], &[json!([])]);
}

#[track_caller]
fn check_args(rules: &str, allowed: &[Value], denied: &[Value]) {
    for (values, want) in [(denied, false), (allowed, true)] {
        for value in values {
            assert_eq!(allows(rules, with(value)), want, "{rules} {value}");
        }
    }
}

#[test]
fn arguments_that_no_rule_names_may_not_be_there() {
    check_args(
        "args/amount.max=500",
        &[json!({"amount": 5})],
        &[
            json!({"amount": 5, "to": "x"}),
            json!({"amount": 5, "": 1}),
            json!({"amount": 5, "to": {}}),
            json!({"amount": 5, "to": []}),
            json!({"amount": 5, "to": null}),
            json!({"Amount": 5}),
            json!({"amounts": 5}),
            json!([5]),
            json!(5),
            json!(null),
            json!({"a": {"amount": 5}}),
        ],
    );
    check_args(
        "args/a/b.any",
        &[
            json!({"a": {"b": 1}}),
            json!({"a": {"b": {"c": [1, 2]}}}),
            json!({"a": {"b": {}}}),
        ],
        &[
            json!({"a": {"b": 1, "c": 1}}),
            json!({"a": {}}),
            json!({"a": {"b": 1}, "b": 1}),
            json!({"a/b": 1}),
        ],
    );
    check_args(
        "args/a.any",
        &[json!({"a": {"b": {"c": [1, 2]}}}), json!({"a": null})],
        &[json!({"ab": 1}), json!({"a": 1, "ab": 1})],
    );
    check_args(
        "args.any",
        &[
            json!({"a": 1}),
            json!([1]),
            json!(5),
            json!(null),
            json!({}),
        ],
        &[],
    );
}

#[test]
fn arguments_that_are_missing_are_no_pass() {
    for rules in [
        "args/amount.max=500",
        "args/amount.any",
        "args/amount.eq=null",
        "args/amount.len_max=0",
        "args/a/amount.max=1",
        "args/0.any",
    ] {
        assert!(!allows(rules, NOWHERE), "{rules} without arguments");
        check_args(
            rules,
            &[],
            &[json!({}), json!([]), json!({"other": 1}), json!(null)],
        );
    }
    assert!(!allows("args.any", NOWHERE));
    check_args(
        "args/amount.max=500&args/note.optional",
        &[json!({"amount": 1}), json!({"amount": 1, "note": "x"})],
        &[json!({"note": "x"}), json!({})],
    );
    // Optional: it may be missing, and if it is there the rule holds.
    check_args(
        "args/amount.max=500&args/amount.optional",
        &[json!({}), json!({"amount": 500})],
        &[
            json!({"amount": 501}),
            json!({"amount": null}),
            json!({"amount": "1"}),
        ],
    );
    assert!(allows("args/amount.max=500&args/amount.optional", NOWHERE));
}

#[test]
fn no_arguments_are_none_at_all() {
    check_args(
        "args=none",
        &[json!({})],
        &[
            json!({"a": 1}),
            json!({"": {}}),
            json!([]),
            json!(null),
            json!(0),
        ],
    );
    assert!(allows("args=none", NOWHERE));
    check_args("args.closed", &[json!({})], &[json!({"a": 1}), json!(null)]);
    assert!(!allows("args.closed", NOWHERE));
    check_args("args.none", &[], &[json!({}), json!({"a": 1}), json!(null)]);
    assert!(allows("args.none", NOWHERE));
    check_args(
        "args=never",
        &[],
        &[json!({}), json!({"a": 1}), json!(null)],
    );
    assert!(!allows("args=never", NOWHERE));
}

#[test]
fn a_closed_place_names_itself_and_not_what_lies_below() {
    check_args(
        "args/a.type=object&args/a.len_max=2&args/a.closed&args/a/b.max=5&args/a/c.optional",
        &[json!({"a": {"b": 1}}), json!({"a": {"b": 1, "c": [1]}})],
        &[
            json!({"a": {"b": 1, "d": 1}}),
            json!({"a": {"b": 6}}),
            json!({"a": {"c": 1}}),
            json!({"a": 5}),
            json!({"a": {}}),
        ],
    );
    check_args(
        "args/a.any&args/a/b.none",
        &[json!({"a": 1}), json!({"a": {"c": 1}})],
        &[json!({"a": {"b": 1}}), json!({"a": {"b": null, "c": 1}})],
    );
}

#[test]
fn a_pointer_is_read_as_the_rfc_says() {
    // RFC 6901 section 5.
    let document = json!({"foo": ["bar", "baz"], "": 0, "a/b": 1, "c%d": 2, "e^f": 3, "g|h": 4, "i\\j": 5, "k\"l": 6, " ": 7, "m~n": 8});
    for (pointer, want) in [
        ("/foo/0", "bar"),
        ("/", "0"),
        ("/a~1b", "1"),
        ("/c%25d", "2"),
        ("/e^f", "3"),
        ("/g|h", "4"),
        ("/i%5Cj", "5"),
        ("/k%22l", "6"),
        ("/+", "7"),
        ("/m~0n", "8"),
    ] {
        let right = format!("args.any&args{pointer}.eq={want}");
        assert!(allows(&right, with(&document)), "{right}");
        let wrong = format!("args.any&args{pointer}.eq=other");
        assert!(!allows(&wrong, with(&document)), "{wrong}");
    }
    // A place in an array has one name, and an object may have a member of that name.
    for (pointer, value, want) in [
        ("/v/0", json!({"v": ["x"]}), true),
        ("/v/00", json!({"v": ["x"]}), false),
        ("/v/-", json!({"v": ["x"]}), false),
        ("/v/1", json!({"v": ["x"]}), false),
        ("/v/0", json!({"v": {"0": "x"}}), true),
        ("/v/00", json!({"v": {"00": "x"}}), true),
        ("/v/0", json!({"v": ["x", "y"]}), false),
        ("/v/0/a.b", json!({"v": [{"a.b": "x"}]}), true),
        ("/v=w", json!({"v=w": "x"}), true),
    ] {
        let rules = format!("args{}.eq=x", pointer.replace('=', "%3D"));
        assert_eq!(allows(&rules, with(&value)), want, "{rules} {value}");
    }
}

#[test]
fn a_hundred_thousand_levels_of_arguments_are_walked_no_deeper_than_a_rule_goes() {
    let deep = || (0..100_000).fold(json!(1), |inner, _| Value::Array(vec![inner]));
    let rules = super::constraints("args/a/0/0.any&args/b.optional");
    let rules = rules.args.unwrap();
    let deeper = deep();
    let args = Value::Object([("a".to_owned(), deep())].into_iter().collect());
    assert!(rules.allow(Some(&args)));
    assert!(!rules.allow(Some(&deeper)));
    // Dropping what is so deep would take more than the stack.
    std::mem::forget(args);
    std::mem::forget(deeper);
}
