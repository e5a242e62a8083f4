//! What the fuzzers call, with bytes from anywhere. Panics if a promise is broken.

use alloc::string::ToString;

use crate::pattern::Pattern;
use crate::permission::Permission;
use crate::resource::Resource;
use crate::shorthand::Base;

mod decisions;

pub use decisions::decisions;

/// One pattern, or two with a line break between them: each prints as it was written, contains itself,
/// and what both contain, both contain.
pub fn pattern(bytes: &[u8]) {
    let Ok(text) = core::str::from_utf8(bytes) else {
        return;
    };
    let (one, other) = text.split_once('\n').unwrap_or((text, text));
    if let Ok(resource) = one.parse::<Resource>() {
        let exactly = Pattern::exactly(&resource);
        assert_eq!(one.parse(), Ok(exactly.clone()), "a resource is a pattern");
        assert!(exactly.matches(&resource), "it is in its own set");
    }
    let Ok(one) = one.parse::<Pattern>().inspect(|pattern| {
        assert_eq!(pattern.to_string(), one, "it prints otherwise");
        assert!(Pattern::everything().contains(pattern), "`**` is all");
    }) else {
        return;
    };
    assert!(one.contains(&one), "it does not contain itself");
    assert_eq!(one.meet(&one), Some(one.clone()), "it meets itself oddly");
    let Ok(other) = other.parse::<Pattern>() else {
        return;
    };
    let met = one.meet(&other);
    assert_eq!(met, other.meet(&one), "the order matters");
    if one.contains(&other) {
        assert_eq!(met.as_ref(), Some(&other), "the smaller is the meet");
    }
    if let Some(met) = met {
        assert!(one.contains(&met) && other.contains(&met), "it grew");
        assert_eq!(met.to_string().parse(), Ok(met), "no pattern any more");
    }
}

/// A permission, read with the default base and with another: it prints as a scope token that is read
/// back as the same, contains itself and meets itself.
pub fn shorthand(bytes: &[u8]) {
    let Ok(text) = core::str::from_utf8(bytes) else {
        return;
    };
    let bases = ["app", "mcp:github"].map(str::parse::<Base>);
    for base in bases.into_iter().flatten() {
        let Ok(permission) = Permission::parse(text, &base) else {
            continue;
        };
        let printed = permission.to_string();
        assert_eq!(printed.parse().as_ref(), Ok(&permission), "`{printed}`");
        assert_eq!(Permission::parse(&printed, &base), Ok(permission.clone()));
        // RFC 6749 section 3.3: scope-token.
        let token = |byte| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
        assert!(printed.bytes().all(token), "`{printed}` is no scope token");
        assert!(permission.contains(&permission), "`{printed}` in itself");
        let met = permission.meet(&permission);
        if permission.constraints.is_nothing() {
            assert_eq!(met, None, "`{printed}` is nothing");
        } else {
            assert_eq!(met, Some(permission), "`{printed}` with itself");
        }
    }
}
