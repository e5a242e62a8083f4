//! The outside of a Biscuit: signed blocks, the keys between them, and the proof at the end.

use crate::error::SignError;
use crate::key::{PublicKey, Sign, Signature};
use crate::limits::{BLOCKS_MAX, TOKEN_BYTES_MAX};
use crate::refusal::Refusal;
use crate::wire::{Malformed, Reader, put_bytes, put_integer, put_message};

#[cfg(test)]
mod tests;

/// The number of Ed25519 in the schema.
const ED25519: u64 = 0;

/// A token as it travels, its parts still bytes.
#[derive(Clone, Debug)]
pub(crate) struct Envelope<'a> {
    pub(crate) root_key_id: Option<u32>,
    /// INVARIANT (first block): there is a first one. At most [`BLOCKS_MAX`].
    pub(crate) blocks: Vec<SignedBlock<'a>>,
    /// `None` in the open form.
    pub(crate) proof: Option<Proof<'a>>,
}

/// One block, with who signed it and who may sign the next.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SignedBlock<'a> {
    pub(crate) payload: &'a [u8],
    pub(crate) next_key: &'a [u8; 32],
    pub(crate) signature: &'a [u8; 64],
    pub(crate) external: Option<External<'a>>,
    /// Of the payload that is signed: 0 (before biscuit 3.3) or 1.
    pub(crate) version: u32,
    /// Where it ends, counted from the token's first byte.
    pub(crate) end: usize,
}

/// The signature of a third party over a block's contents.
#[derive(Clone, Copy, Debug)]
pub(crate) struct External<'a> {
    pub(crate) signature: &'a [u8; 64],
    pub(crate) key: &'a [u8; 32],
}

/// What stands at the end of a Biscuit.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Proof<'a> {
    /// The secret of the last next key: whoever has the token may extend it.
    NextSecret(&'a [u8]),
    /// A signature by it: nobody may.
    FinalSignature(&'a [u8]),
}

impl<'a> Envelope<'a> {
    /// Reads a token of at most [`TOKEN_BYTES_MAX`] bytes, with or without a proof.
    pub(crate) fn read(bytes: &'a [u8]) -> Result<Self, Refusal> {
        if bytes.len() > TOKEN_BYTES_MAX {
            return Err(Refusal::TooLarge);
        }
        let mut reader = Reader::new(bytes);
        let root_key_id = reader.optional_integer(1)?;
        let root_key_id = root_key_id.map(u32::try_from).transpose();
        let mut blocks = Vec::new();
        let authority = reader.bytes(2)?;
        blocks.push(SignedBlock::read(authority, bytes.len() - reader.left())?);
        while let Some(block) = reader.optional_bytes(3)? {
            if blocks.len() >= BLOCKS_MAX {
                return Err(Refusal::TooManyBlocks);
            }
            blocks.push(SignedBlock::read(block, bytes.len() - reader.left())?);
        }
        let proof = reader.optional_bytes(4)?.map(Proof::read).transpose()?;
        reader.finish()?;
        if blocks.first().is_none_or(|first| first.external.is_some()) {
            return Err(Refusal::Malformed);
        }
        Ok(Self {
            root_key_id: root_key_id.map_err(|_| Refusal::Malformed)?,
            blocks,
            proof,
        })
    }

    /// Whether all signatures hold, the first by `root`; what is named as the proof is looked at too.
    #[cfg(test)]
    pub(crate) fn check(&self, root: &PublicKey) -> Result<(), Refusal> {
        let mut signer = *root;
        let mut previous: Option<&SignedBlock<'_>> = None;
        for (index, block) in self.blocks.iter().enumerate() {
            block.check(index, &signer, previous.map(|block| block.signature))?;
            signer =
                PublicKey::from_bytes(block.next_key).map_err(|_| Refusal::Key { block: index })?;
            previous = Some(block);
        }
        match (self.proof, previous) {
            (Some(Proof::NextSecret(secret)), _) => {
                let secret = secret.try_into().map_err(|_| Refusal::Malformed)?;
                let public = crate::key::HolderKey::from_bytes(secret).public_key();
                if public == signer {
                    Ok(())
                } else {
                    Err(Refusal::Proof)
                }
            }
            (Some(Proof::FinalSignature(signature)), Some(last)) => {
                let signature = signature.try_into().map_err(|_| Refusal::Malformed)?;
                let mut payload = payload_v0(last.payload, None, last.next_key);
                payload.extend_from_slice(last.signature);
                if signer.verifies(&payload, &Signature(signature)) {
                    Ok(())
                } else {
                    Err(Refusal::Proof)
                }
            }
            (None, _) | (_, None) => Err(Refusal::Proof),
        }
    }
}

/// The blocks of a token of any size.
#[cfg(test)]
pub(crate) fn read_unbounded(bytes: &[u8]) -> Vec<SignedBlock<'_>> {
    let mut reader = Reader::new(bytes);
    reader.optional_integer(1).unwrap();
    let mut blocks = vec![SignedBlock::read(reader.bytes(2).unwrap(), 0).unwrap()];
    while let Some(block) = reader.optional_bytes(3).unwrap() {
        blocks.push(SignedBlock::read(block, 0).unwrap());
    }
    blocks
}

impl<'a> SignedBlock<'a> {
    pub(crate) fn read(bytes: &'a [u8], end: usize) -> Result<Self, Refusal> {
        let mut reader = Reader::new(bytes);
        let payload = reader.bytes(1)?;
        let next_key = read_key(reader.bytes(2)?)?;
        let signature = reader
            .bytes(3)?
            .try_into()
            .map_err(|_| Refusal::Malformed)?;
        let external = match reader.optional_bytes(4)? {
            Some(external) => Some(External::read(external)?),
            None => None,
        };
        let version = reader.optional_integer(5)?.map(u32::try_from);
        reader.finish()?;
        // A version of zero is written by leaving it out.
        let version = match version {
            None => 0,
            Some(Ok(version)) if version > 0 => version,
            Some(_) => return Err(Refusal::Malformed),
        };
        Ok(Self {
            payload,
            next_key,
            signature,
            external,
            version,
            end,
        })
    }

    /// Whether block number `index` is signed by `signer`, after the block that ends in `previous`.
    pub(crate) fn check(
        &self,
        index: usize,
        signer: &PublicKey,
        previous: Option<&[u8; 64]>,
    ) -> Result<(), Refusal> {
        let external = self.external.map(|external| external.signature);
        let payload = match (self.version, self.external) {
            (0, None) => payload_v0(self.payload, None, self.next_key),
            (1, _) => payload_v1(self.payload, self.next_key, previous, external),
            _ => return Err(Refusal::SignatureVersion { block: index }),
        };
        if !signer.verifies(&payload, &Signature(*self.signature)) {
            return Err(Refusal::Signature { block: index });
        }
        let (Some(external), Some(previous)) = (self.external, previous) else {
            return Ok(());
        };
        let third =
            PublicKey::from_bytes(external.key).map_err(|_| Refusal::Key { block: index })?;
        let payload = external_payload(self.payload, previous);
        if !third.verifies(&payload, &Signature(*external.signature)) {
            return Err(Refusal::Signature { block: index });
        }
        Ok(())
    }
}

impl<'a> External<'a> {
    pub(crate) fn read(bytes: &'a [u8]) -> Result<Self, Refusal> {
        let mut reader = Reader::new(bytes);
        let signature = reader
            .bytes(1)?
            .try_into()
            .map_err(|_| Refusal::Malformed)?;
        let key = read_key(reader.bytes(2)?)?;
        reader.finish()?;
        Ok(Self { signature, key })
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        put_bytes(out, 1, self.signature);
        put_message(out, 2, |out| write_key(out, self.key));
    }
}

impl<'a> Proof<'a> {
    fn read(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(bytes);
        let proof = match reader.optional_bytes(1)? {
            Some(secret) => Self::NextSecret(secret),
            None => Self::FinalSignature(reader.bytes(2)?),
        };
        reader.finish()?;
        Ok(proof)
    }
}

fn read_key(bytes: &[u8]) -> Result<&[u8; 32], Refusal> {
    let mut reader = Reader::new(bytes);
    if reader.integer(1)? != ED25519 {
        return Err(Refusal::Algorithm);
    }
    let key = reader.bytes(2)?;
    reader.finish()?;
    key.try_into().map_err(|_| Refusal::Malformed)
}

fn write_key(out: &mut Vec<u8>, key: &[u8; 32]) {
    put_integer(out, 1, ED25519);
    put_bytes(out, 2, key);
}

/// What is signed in version 0: the contents and the next key, and no sign of where one ends.
fn payload_v0(payload: &[u8], external: Option<&[u8; 64]>, next_key: &[u8; 32]) -> Vec<u8> {
    let external = external.map_or(&[][..], |signature| signature);
    [payload, external, &0_u32.to_le_bytes(), next_key].concat()
}

/// What is signed in version 1: each part under its name, the signature before included.
fn payload_v1(
    payload: &[u8],
    next_key: &[u8; 32],
    previous: Option<&[u8; 64]>,
    external: Option<&[u8; 64]>,
) -> Vec<u8> {
    let mut out = Vec::with_capacity(payload.len() + 256);
    out.extend_from_slice(b"\0BLOCK\0\0VERSION\0");
    out.extend_from_slice(&1_u32.to_le_bytes());
    out.extend_from_slice(b"\0PAYLOAD\0");
    out.extend_from_slice(payload);
    out.extend_from_slice(b"\0ALGORITHM\0");
    out.extend_from_slice(&0_u32.to_le_bytes());
    out.extend_from_slice(b"\0NEXTKEY\0");
    out.extend_from_slice(next_key);
    if let Some(previous) = previous {
        out.extend_from_slice(b"\0PREVSIG\0");
        out.extend_from_slice(previous);
    }
    if let Some(external) = external {
        out.extend_from_slice(b"\0EXTERNALSIG\0");
        out.extend_from_slice(external);
    }
    out
}

/// What a third party signs: the contents, after the block that ends in `previous`.
pub(crate) fn external_payload(payload: &[u8], previous: &[u8; 64]) -> Vec<u8> {
    let mut out = Vec::with_capacity(payload.len() + 128);
    out.extend_from_slice(b"\0EXTERNAL\0\0VERSION\0");
    out.extend_from_slice(&1_u32.to_le_bytes());
    out.extend_from_slice(b"\0PAYLOAD\0");
    out.extend_from_slice(payload);
    out.extend_from_slice(b"\0PREVSIG\0");
    out.extend_from_slice(previous);
    out
}

/// A new block, and its signature.
pub(crate) struct Signed {
    pub(crate) block: Vec<u8>,
    pub(crate) signature: [u8; 64],
}

/// A new block: `payload`, signed by `signer` in version 1, for the holder of `next_key` to follow.
pub(crate) fn sign_block(
    signer: &(impl Sign + ?Sized),
    payload: &[u8],
    next_key: &[u8; 32],
    previous: Option<&[u8; 64]>,
    external: Option<External<'_>>,
) -> Result<Signed, SignError> {
    let external_signature = external.map(|external| external.signature);
    let message = payload_v1(payload, next_key, previous, external_signature);
    // A module that signs with another key than it says, or wrongly, is found here and not by a verifier.
    let signature = signer.sign_and_look(&message)?;
    let mut block = Vec::with_capacity(payload.len() + 128);
    put_bytes(&mut block, 1, payload);
    put_message(&mut block, 2, |out| write_key(out, next_key));
    put_bytes(&mut block, 3, signature.as_bytes());
    if let Some(external) = external {
        put_message(&mut block, 4, |out| external.write(out));
    }
    put_integer(&mut block, 5, 1);
    let signature = *signature.as_bytes();
    Ok(Signed { block, signature })
}

/// A token that so far is one block, under the root key's number.
pub(crate) fn first(root_key_id: u32, block: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(block.len() + 16);
    put_integer(&mut out, 1, u64::from(root_key_id));
    put_bytes(&mut out, 2, block);
    out
}

/// Appends a block to an open token.
pub(crate) fn append(open: &mut Vec<u8>, block: &[u8]) {
    put_bytes(open, 3, block);
}

/// Appends the proof that makes an open token a Biscuit: the secret of the last next key.
pub(crate) fn prove(open: &mut Vec<u8>, next_secret: &[u8; 32]) {
    put_message(open, 4, |out| put_bytes(out, 1, next_secret));
}

/// Appends the proof that nothing more follows `last`.
pub(crate) fn seal(
    open: &mut Vec<u8>,
    signer: &(impl Sign + ?Sized),
    last: &SignedBlock<'_>,
) -> Result<(), SignError> {
    let mut message = payload_v0(last.payload, None, last.next_key);
    message.extend_from_slice(last.signature);
    let signature = signer.sign(&message)?;
    put_message(open, 4, |out| put_bytes(out, 2, signature.as_bytes()));
    Ok(())
}
