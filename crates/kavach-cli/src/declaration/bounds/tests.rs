//! The table and the shorthand of one permission, and what is wrong with a table.

use super::super::{Fault, read};

/// A file with one agent that holds what is written.
fn file(written: &str) -> String {
    format!("[[agent]]\nname = \"a\"\nowner = \"user:x\"\npermissions = [\n{written}\n]\n")
}

/// The permissions of the one agent in a file.
fn permissions(written: &str) -> Result<Vec<kavach::Permission>, Vec<Fault>> {
    read(&file(written)).map(|read| read.declaration.agents[0].permissions.clone())
}

/// A permission with these constraints.
fn table(constraints: &str) -> String {
    format!("{{ resource = \"mcp:a\", actions = [\"read\"], constraints = {{ {constraints} }} }}")
}

#[track_caller]
fn check(constraints: &str, shorthand: &str) {
    let read = permissions(&table(constraints))
        .unwrap_or_else(|faults| panic!("{constraints}: {faults:?}"));
    let same = permissions(&format!("\"read:mcp:a?{shorthand}\"")).unwrap();
    assert_eq!(read, same, "{constraints}");
    assert_eq!(same[0].to_string(), format!("read:mcp:a?{shorthand}"));
}

/// The one fault is at the text `at`, and begins with the words `said`.
#[track_caller]
fn refuse(constraints: &str, at: &str, said: &str) {
    let faults = permissions(&table(constraints)).expect_err(constraints);
    let [fault] = faults.as_slice() else {
        panic!("{faults:#?}")
    };
    let (text, message) = (file(&table(constraints)), &fault.message);
    assert!(
        message.starts_with(said),
        "{constraints}: {message}\ninstead of {said}"
    );
    let place = &text[fault.at.start..];
    assert!(place.starts_with(at), "{constraints}: told at {place}");
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn a_table_says_the_same_as_the_shorthand() {
    for (constraints, shorthand) in [
        ("rate = \"20/h\"", "rate=20/h"),
        ("rate = [\"100/d\", \"20/h\"]", "rate=20/h,100/d"),
        ("budget = \"5/day\"", "budget=5/day"),
        (
            "budget = [\"5/day\", \"100/month\"]",
            "budget=5/day,100/month",
        ),
        (
            "window = \"mon-fri 09:00-17:00 Europe/Berlin\"",
            "window=mon-fri+09:00-17:00+Europe/Berlin",
        ),
        (
            "window = [\"mon-fri 09:00-17:00 Europe/Berlin\", \"daily 06:00-20:00 UTC\"]",
            "window=mon-fri+09:00-17:00+Europe/Berlin;daily+06:00-20:00+UTC",
        ),
        ("ip = [\"10.0.0.0/8\"]", "ip=10.0.0.0/8"),
        ("ip = \"2001:db8::/32\"", "ip=2001:db8::/32"),
        (
            "ip = [\"10.0.0.0/8\", \"2001:db8::/32\"]",
            "ip=10.0.0.0/8,2001:db8::/32",
        ),
        ("ip = []", "ip=none"),
        ("approval = true", "approve"),
        ("approval = 1", "approve"),
        ("approval = 2", "approve=2"),
        ("min_trust = \"standard\"", "min_trust=standard"),
        (
            "depth = 2, expires = 2099-01-01T00:00:00Z",
            "depth=2&expires=2099-01-01T00:00:00Z",
        ),
        (
            "args = { \"/amount\" = { max = 500 }, \"/currency\" = { in = [\"EUR\", \"USD\"] } }",
            "args/amount.max=500&args/currency.in=EUR,USD",
        ),
        ("args = {}", "args=none"),
        ("args = { \"/a\" = {} }", "args/a.any"),
        ("args = { \"\" = {} }", "args.any"),
        ("args = { \"\" = { len_max = 2 } }", "args.len_max=2"),
        (
            "args = { \"/a\" = { any = true, optional = true } }",
            "args/a.optional",
        ),
        (
            "args = { \"/a\" = { min = -5, max = 2.50, type = \"integer\" } }",
            "args/a.max=2.5&args/a.min=-5&args/a.type=integer",
        ),
        ("args = { \"/a\" = { max = 0x10 } }", "args/a.max=16"),
        ("args = { \"/a\" = { max = 1_000 } }", "args/a.max=1000"),
        ("args = { \"/a\" = { eq = 5 } }", "args/a.eq=5"),
        ("args = { \"/a\" = { eq = \"5\" } }", "args/a.eq=%225%22"),
        ("args = { \"/a\" = { eq = true } }", "args/a.eq=true"),
        (
            "args = { \"/a\" = { in = [\"a,b\", \"true\", 7] } }",
            "args/a.in=7,%22a,b%22,%22true%22",
        ),
        ("args = { \"/a\" = { bool = false } }", "args/a.eq=false"),
        (
            "args = { \"/a\" = { type = [\"string\", \"null\"] } }",
            "args/a.type=null,string",
        ),
        (
            "args = { \"/a\" = { cidr = [\"10.0.0.0/8\", \"::1\"] } }",
            "args/a.cidr=10.0.0.0/8,::1",
        ),
        (
            "args = { \"/a\" = { host = \"*.example.com\" } }",
            "args/a.host=*.example.com",
        ),
        (
            "args = { \"/a\" = { prefix = \"a b+c&\" } }",
            "args/a.prefix=a+b%2Bc%26",
        ),
        (
            "args = { \"/a\" = { subpath = \"/srv/data\", optional = true } }",
            "args/a.optional&args/a.subpath=/srv/data",
        ),
        (
            "args = { \"/a\" = { closed = true }, \"/a/b\" = { len_min = 1 }, \"/c\" = { none = true } }",
            "args/a/b.len_min=1",
        ),
        ("args = { \"/a/b~1c=d\" = {} }", "args/a/b~1c%3Dd.any"),
    ] {
        check(constraints, shorthand);
    }
}

#[test]
fn the_long_form_of_everything_is_the_shorthand_of_everything() {
    check(
        "rate = \"20/h\", budget = \"5/day\", window = \"mon-fri 09:00-17:00 Europe/Berlin\", ip = [\"10.0.0.0/8\"], \
         approval = true, min_trust = \"standard\", args = { \"/amount\" = { max = 500 }, \"/currency\" = \
         { in = [\"EUR\", \"USD\"] } }, expires = \"2099-01-01T00:00:00Z\", depth = 1",
        "approve&args/amount.max=500&args/currency.in=EUR,USD&budget=5/day&depth=1&expires=2099-01-01T00:00:00Z&\
         ip=10.0.0.0/8&min_trust=standard&rate=20/h&window=mon-fri+09:00-17:00+Europe/Berlin",
    );
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn a_constraint_that_is_none_is_told_where_it_stands() {
    for (constraints, at, said) in [
        (
            "rates = \"20/h\"",
            "rates",
            "`rates` is not a known key; known here are: approval, args",
        ),
        (
            "rate = 20",
            "20",
            "`rate` is text, or a list of it; write it in quotes",
        ),
        (
            "rate = \"20\"",
            "\"20\"",
            "`rate=20` is not a constraint: `rate` is up to 8 rates",
        ),
        (
            "rate = [\"20/h\", 5]",
            "5]",
            "`rate` is not a string; write it in quotes",
        ),
        (
            "rate = [\"20/h\", \"x\"]",
            "\"x\"",
            "`rate=x` is not a constraint",
        ),
        (
            "rate = [\"20/h\", \"30/h\"]",
            "[\"20/h\"",
            "`rate=20/h,30/h` is not a constraint",
        ),
        ("rate = []", "[]", "`rate` lists nothing; leave it out"),
        ("budget = []", "[]", "`budget` lists nothing"),
        ("window = []", "[]", "`window` lists nothing"),
        (
            "budget = \"5/week\"",
            "\"5/week\"",
            "`budget=5/week` is not a constraint",
        ),
        (
            "window = \"mon 09:00-17:00 Mars\"",
            "\"mon",
            "`window=mon 09:00-17:00 Mars` is not a constraint: a window's zone",
        ),
        ("ip = \"\"", "\"\"", "`ip=` is not a constraint"),
        (
            "ip = [\"10.0.0.1/8\"]",
            "\"10.0.0.1/8\"",
            "`ip=10.0.0.1/8` is not a constraint: the block's address has bits",
        ),
        (
            "approval = false",
            "false",
            "`approval` is `true`, or a number of people",
        ),
        (
            "approval = 0",
            "0 ",
            "`approve=0` is not a constraint: `approve` is a number of people from 1 to 16",
        ),
        ("approval = 17", "17", "`approve=17` is not a constraint"),
        ("approval = -1", "-1", "`approve=0` is not a constraint"),
        ("approval = \"yes\"", "\"yes\"", "`approval` is `true`"),
        (
            "min_trust = \"high\"",
            "\"high\"",
            "`min_trust=high` is not a constraint: it must be one of",
        ),
        ("min_trust = 50", "50", "`min_trust` is not a string"),
        ("args = \"none\"", "\"none\"", "`args` is not a table"),
        (
            "args = { amount = { max = 5 } }",
            "amount",
            "a place in the arguments is a JSON pointer",
        ),
        (
            "args = { \"/a~2\" = { max = 5 } }",
            "\"/a~2\"",
            "a place in the arguments is a JSON pointer",
        ),
        (
            "args = { \"/a\" = 5 }",
            "5",
            "the rules of a place are a table",
        ),
        (
            "args = { \"/a\" = { maximum = 5 } }",
            "5",
            "`args/a.maximum=5` is not a constraint: it has a rule for arguments that is not known",
        ),
        (
            "args = { \"/a\" = { max = \"x\" } }",
            "\"x\"",
            "`args/a.max=x` is not a constraint",
        ),
        (
            "args = { \"/a\" = { max = 1e3 } }",
            "1e3",
            "`args/a.max=1e3` is not a constraint",
        ),
        (
            "args = { \"/a\" = { max = [1, 2] } }",
            "[1",
            "`args/a.max=1,2` is not a constraint",
        ),
        (
            "args = { \"/a\" = { max = inf } }",
            "inf",
            "`args/a.max=inf` is not a constraint",
        ),
        (
            "args = { \"/a\" = { in = [] } }",
            "[]",
            "`args/a.in=` is not a constraint",
        ),
        (
            "args = { \"/a\" = { eq = [1, 2] } }",
            "[1",
            "`args/a.eq=1,2` is not a constraint",
        ),
        (
            "args = { \"/a\" = { eq = 2026-01-01 } }",
            "2026",
            "a value in a rule is text, a number",
        ),
        (
            "args = { \"/a\" = { in = [[1]] } }",
            "[[1]]",
            "a value in a rule is text, a number",
        ),
        (
            "args = { \"/a\" = { optional = false } }",
            "false",
            "`optional` is `true`, or left out",
        ),
        (
            "args = { \"/a\" = { none = true, max = 5 } }",
            "{ args",
            "`args/a.max=5&args/a.none` is not a constraint: `none` is for",
        ),
        ("depth = 9", "9", "`depth` is a number of hops"),
        ("expires = 2099-01-01", "2099", "`expires` has no offset"),
    ] {
        refuse(constraints, at, said);
    }
}

#[test]
fn the_example_in_the_documentation_is_read() {
    let page = include_str!("../../../../../docs/shorthand.md");
    let example = page.split("```toml\n").nth(1).unwrap();
    let example = example.split("```").next().unwrap();
    let text = format!("[[agent]]\nname = \"a\"\nowner = \"user:x\"\n{example}");
    let read = read(&text).unwrap_or_else(|faults| panic!("{faults:#?}"));
    let held = &read.declaration.agents[0].permissions;
    let want = "create:mcp:bank:transfers?approve&args/amount.max=500&args/currency.in=EUR,USD&args/note.len_max=80&\
                args/note.optional&args/to.any&budget=5/day&depth=1&expires=2099-01-01T00:00:00Z&\
                ip=10.0.0.0/8,2001:db8::/32&min_trust=standard&rate=20/h,100/d&\
                window=mon-fri+09:00-17:00+Europe/Berlin";
    assert_eq!(held[1].to_string(), want);
}
