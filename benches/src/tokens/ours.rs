//! Ours, cold and warm; what holders and issuers pay; and the worst tokens of all.

use std::hint::black_box;
use std::path::Path;

use kavach_core::{AgentId, Mode, Permission, SubjectId, TenantId, Timestamp};
use kavach_token::{
    ArgumentsHash, Audience, Call, HolderKey, KeySet, Mint, Moment, Narrowing, Nonce, Presentation,
    Refusal, ReplayCache, Request, Revocations, RootKey, Sign, Source, SourceRecord, Token,
    TokenId, Verifier,
};

use super::{ASKED, FORBIDDEN, NAMES, Scheme, median};
use crate::{Failed, now as clock};

const SERVICE: &str = "https://files.example";
const ISSUER: &str = "https://kavach.example";

fn now() -> Timestamp {
    Timestamp::from_s(1_795_255_200)
}

fn holder(number: usize) -> HolderKey {
    HolderKey::from_bytes(&[100 + u8::try_from(number).unwrap_or(u8::MAX); 32])
}

fn root() -> RootKey {
    RootKey::new(1, HolderKey::from_bytes(&[99; 32]))
}

fn permissions() -> Result<Vec<Permission>, Failed> {
    let texts = NAMES.iter().map(|name| format!("read:mcp:github:{name}"));
    Ok(texts.map(|text| text.parse()).collect::<Result<_, _>>()?)
}

fn mint(permissions: Vec<Permission>) -> Result<Mint, Failed> {
    let agent = AgentId::from_parts(0, 4);
    Ok(Mint {
        issuer: ISSUER.parse()?,
        id: TokenId::from_bytes([3; 16]),
        agent,
        holder: holder(0).public_key(),
        owner: SubjectId::from_parts(0, 5),
        tenant: TenantId::DEFAULT,
        source: Source {
            record: SourceRecord::Agent(agent),
            generation: 1,
        },
        issued_at: now(),
        not_before: now(),
        expires_at: now().plus_s(3600),
        max_depth: 14,
        audiences: vec![SERVICE.parse()?],
        permissions,
    })
}

fn narrowing(number: usize) -> Result<Narrowing, Failed> {
    Ok(Narrowing {
        id: TokenId::from_bytes([u8::try_from(number)?; 16]),
        to: format!("helper-{number}").parse()?,
        why: "to look at issues".parse()?,
        at: now(),
        expires_at: None,
        max_depth: None,
        audiences: None,
        permissions: None,
        mode: Mode::Strict,
    })
}

fn verifier(chains: usize) -> Result<Verifier, Failed> {
    let keys = KeySet::new(
        ISSUER.parse()?,
        TenantId::DEFAULT,
        root().public_key(),
        now(),
    );
    let replays = ReplayCache::danger_first_start(1_000_000);
    let verifier = Verifier::new(
        SERVICE.parse()?,
        keys,
        Revocations::danger_ignored(),
        replays,
    );
    Ok(verifier.with_chains(chains))
}

fn call(name: &str) -> Result<Call, Failed> {
    let service: Audience = SERVICE.parse()?;
    Ok(Call {
        audience: service,
        action: "read".parse()?,
        resource: format!("mcp:github:{name}").parse()?,
        arguments: ArgumentsHash::of(b""),
    })
}

/// A chain of ours, with a verifier that remembers so many chains.
struct Ours {
    token: Token,
    last: HolderKey,
    call: Call,
    forbidden: Call,
    verifier: Verifier,
}

impl Ours {
    fn new(hops: usize, chains: usize) -> Result<Self, Failed> {
        let mut token = Token::mint(&root(), mint(permissions()?)?)?;
        for number in 1..hops {
            let to = holder(number).public_key();
            token = token.delegate(&holder(number - 1), &to, narrowing(number)?)?;
        }
        Ok(Self {
            token,
            last: holder(hops - 1),
            call: call(ASKED)?,
            forbidden: call(FORBIDDEN)?,
            verifier: verifier(chains)?,
        })
    }

    fn prove(&self, number: u64) -> Result<Presentation, Failed> {
        let mut nonce = [0; 16];
        nonce
            .iter_mut()
            .zip(number.to_be_bytes())
            .for_each(|(to, byte)| *to = byte);
        let moment = Moment {
            at: now(),
            ttl_s: 60,
            nonce: Nonce::from_bytes(nonce),
        };
        Ok(self.token.invoke(&self.last, &self.call, moment)?)
    }

    fn accepts(&self, proof: &Presentation, name: &str) -> bool {
        let call = if name == ASKED {
            &self.call
        } else {
            &self.forbidden
        };
        let request = Request::new(&call.action, &call.resource, call.arguments);
        self.verifier
            .verify(proof.as_bytes(), &request, now())
            .is_ok()
    }
}

macro_rules! scheme {
    ($(#[$doc:meta])* $name:ident, $shown:literal, $chains:expr) => {
        $(#[$doc])*
        #[expect(missing_debug_implementations, reason = "it holds a key")]
        pub struct $name(Ours);

        impl Scheme for $name {
            const NAME: &'static str = $shown;
            type Proof = Presentation;

            fn of(hops: usize) -> Result<Self, Failed> {
                // A chain has at most fifteen holders: the invocation is a block too.
                Ours::new(hops.min(15), $chains).map(Self)
            }

            fn prove(&self, number: u64) -> Result<Presentation, Failed> {
                self.0.prove(number)
            }

            fn accepts(&self, proof: &Presentation, name: &str) -> bool {
                self.0.accepts(proof, name)
            }

            fn bytes(&self, proof: &Presentation) -> usize {
                proof.as_bytes().len()
            }
        }
    };
}

scheme! {
    /// A verifier that remembers nothing: every signature is looked at.
    Cold, "Kavach, cold", 0
}
scheme! {
    /// A verifier that has seen the chain, and never the invocation.
    Warm, "Kavach, warm", 1000
}

fn timed(count: u64, mut work: impl FnMut(u64) -> Result<(), Failed>) -> Result<f64, Failed> {
    let mut times = Vec::new();
    for number in 0..count {
        let start = clock();
        work(number)?;
        times.push(start.elapsed().as_secs_f64() * 1e6);
    }
    Ok(median(times))
}

/// Prints what issuers and holders pay, replays, and how many bytes a hop adds.
///
/// # Errors
/// If something is refused that must not be.
pub fn write_ours(calls: u64) -> Result<(), Failed> {
    let key = holder(1);
    let message = [7; 900];
    let sign = timed(calls, |_| {
        black_box(key.sign(&message))
            .map(|_| ())
            .map_err(Into::into)
    })?;
    println!("one signature made: {sign:.1} us");
    let minted = timed(calls, |_| {
        black_box(Token::mint(&root(), mint(permissions()?)?)?);
        Ok(())
    })?;
    println!("mint, 10 grants: {minted:.1} us");
    println!("\n| holders | delegate us | replay us | hop adds bytes |");
    println!("| ---: | ---: | ---: | ---: |");
    for hops in [1, 2, 4, 8, 15] {
        let ours = Ours::new(hops, 1000)?;
        let (by, to) = (holder(hops - 1), holder(hops).public_key());
        let delegate = timed(calls, |_| {
            if hops < 15 {
                black_box(ours.token.delegate(&by, &to, narrowing(hops)?)?);
            }
            Ok(())
        })?;
        let proof = ours.prove(0)?;
        let request = Request::new(&ours.call.action, &ours.call.resource, ours.call.arguments);
        ours.verifier.verify(proof.as_bytes(), &request, now())?;
        let replay = timed(calls, |_| {
            match ours.verifier.verify(proof.as_bytes(), &request, now()) {
                Err(Refusal::Replayed) => Ok(()),
                other => Err(format!("{other:?}").into()),
            }
        })?;
        let above = if hops > 1 {
            Ours::new(hops - 1, 0)?.token.as_bytes().len()
        } else {
            0
        };
        let added = ours.token.as_bytes().len() - above;
        println!("| {hops} | {delegate:.1} | {replay:.1} | {added} |");
    }
    Ok(())
}

/// Prints what the worst tokens cost that a test of kavach-token keeps in `folder`.
///
/// # Errors
/// If they cannot be read.
pub fn hostile(folder: &Path, calls: u64) -> Result<(), Failed> {
    println!("\n| hostile token | bytes | us | ends |");
    println!("| --- | ---: | ---: | --- |");
    let mut files: Vec<_> = std::fs::read_dir(folder)?.collect::<Result<_, _>>()?;
    files.sort_by_key(std::fs::DirEntry::file_name);
    for file in files {
        let name = file.file_name().to_string_lossy().into_owned();
        let bytes = std::fs::read(file.path())?;
        let long = [&"a".repeat(60)[..]; 7].join(":");
        let resource = if name == "patterns" {
            long
        } else {
            "x0".to_owned()
        };
        let (action, resource) = ("read".parse()?, format!("tool:{resource}").parse()?);
        let request = Request::new(&action, &resource, ArgumentsHash::of(b"{}"));
        let approvers: Vec<_> = (50..54).map(|number| holder(number).public_key()).collect();
        let (mut times, mut ended) = (Vec::new(), None);
        for _ in 0..calls {
            let verifier = verifier(0)?.with_approvers(approvers.iter().copied());
            let start = clock();
            let verified = verifier.verify(black_box(&bytes), &request, now());
            times.push(start.elapsed().as_secs_f64() * 1e6);
            ended = verified.err();
        }
        let ended = ended.map_or("accepted", Refusal::code);
        println!(
            "| {name} | {} | {:.0} | {ended} |",
            bytes.len(),
            median(times)
        );
    }
    Ok(())
}
