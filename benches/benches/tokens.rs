//! Tokens that are narrowed on the way: ours, cold and warm, and with the feature `rivals` others beside it.

use std::error::Error;
use std::path::Path;

use kavach_benches::tokens::{Cold, Row, Scheme, Warm, hostile, measure, write_ours};

type Failed = Box<dyn Error + Send + Sync>;

/// Calls for each figure.
const CALLS: u64 = 400;
const HOPS: [usize; 5] = [1, 2, 4, 8, 15];

fn row<S: Scheme>() -> Result<(), Failed> {
    let rows = HOPS.iter().map(|hops| measure::<S>(*hops, CALLS));
    let rows: Vec<Row> = rows.collect::<Result<_, Failed>>()?;
    let verify = rows.iter().map(|row| format!("{:.0}", row.verify_us));
    let verify: Vec<String> = verify.collect();
    let (first, last) = (rows.first().ok_or("no row")?, rows.last().ok_or("no row")?);
    println!(
        "| {} | {} | {:.0} | {} / {} |",
        S::NAME,
        verify.join(" / "),
        last.prove_us,
        first.bytes,
        last.bytes
    );
    Ok(())
}

fn main() -> Result<(), Failed> {
    // `cargo test --benches` passes this; a bench has nothing to test.
    if std::env::args().any(|argument| argument == "--test") {
        return Ok(());
    }
    let holders: Vec<String> = HOPS.iter().map(ToString::to_string).collect();
    println!(
        "| token | verify us, {} holders | prove us | bytes |",
        holders.join(" / ")
    );
    println!("| --- | ---: | ---: | ---: |");
    row::<Cold>()?;
    row::<Warm>()?;
    #[cfg(feature = "rivals")]
    {
        use kavach_benches::tokens::{Biscuits, FlatJwt, Macaroons, NestedJwt, Tenuo};
        row::<Tenuo>()?;
        row::<Biscuits>()?;
        row::<NestedJwt>()?;
        row::<FlatJwt>()?;
        row::<Macaroons>()?;
    }
    println!();
    write_ours(CALLS)?;
    let tree = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    hostile(&tree.join("crates/kavach-token/tests/hostile"), 50)
}
