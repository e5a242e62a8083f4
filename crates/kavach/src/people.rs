//! The keys of people and of tenants: what makes client addresses readable, and erasable.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use kavach_audit::{Detail, Event, EventKind, PersonKey, Private, PrivateFields, TenantKey};
use kavach_core::{RecordKey, SubjectId, TenantId};
use kavach_store::records::key_of;
use kavach_store::{Batch, Expect, Key, MasterKey, Space, Store, StoreErrorKind, Version};

use crate::committer::{Failure, Work};
use crate::error::{CannotDecide, OpenError};
use crate::node::Node;
use crate::random;
use crate::view::read_one;

/// The keys of people, wrapped by the master key.
const PERSON_KEYS: Space = Space::quiet("person_key");
/// What stands beside events, sealed for a person: under tenant, subject, event.
pub(crate) const PRIVATE_FIELDS: Space = Space::quiet("private_field");
/// The keys that arguments are hashed under; wrapped where there is a master key.
const TENANT_KEYS: Space = Space::quiet("tenant_key");
/// What the keys of tenants are bound to, before the tenant.
const TENANT: &[u8] = b"tenant";
/// Something known, sealed under the master key: tells whether a key is the right one.
const MASTER_KEY_CHECK: Space = Space::quiet("master_key_check");

/// The keys that were used since the node started.
#[derive(Debug, Default)]
pub(crate) struct People {
    master: Option<MasterKey>,
    persons: Mutex<HashMap<(TenantId, SubjectId), Arc<PersonKey>>>,
    tenants: Mutex<HashMap<TenantId, Arc<TenantKey>>>,
}

impl People {
    pub(crate) fn new(master: Option<MasterKey>) -> Self {
        Self {
            master,
            ..Self::default()
        }
    }

    /// The key that all others are wrapped by, if there is one.
    pub(crate) fn master(&self) -> Option<&MasterKey> {
        self.master.as_ref()
    }

    /// Forgets a person's key: what was sealed under it stays shut.
    pub(crate) fn forget(&self, tenant: TenantId, person: SubjectId) {
        self.persons
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&(tenant, person));
    }
}

/// Makes sure that the keys in the store are sealed under `master`, before any is made under another one.
pub(crate) async fn check_master_key(
    store: &dyn Store,
    master: &MasterKey,
) -> Result<(), OpenError> {
    let (key, context) = (Key::new(MASTER_KEY_CHECK, *b"first"), b"master key check");
    let found = read_one(store, &key).await?;
    if let Some(found) = found {
        return master
            .open(context, &found.bytes)
            .map(drop)
            .map_err(|_| OpenError::WrongMasterKey);
    }
    let sealed = master
        .seal(context, b"kavach", random::bytes()?)
        .map_err(|_| OpenError::WrongMasterKey)?;
    let batch = Batch {
        expectations: vec![(key.clone(), Expect::Absent)],
        puts: vec![(key, sealed)],
        ..Batch::default()
    };
    match store.commit(batch).await {
        // Who may only look makes no keys either.
        Err(error) if *error.kind() != StoreErrorKind::ReadOnly => Err(error.into()),
        _ => Ok(()),
    }
}

impl Node {
    /// Seals `fields` beside `event`, for the person that [`person_of`] names. Does nothing where there is nothing to seal, nobody
    /// to seal it for, or no master key.
    ///
    /// INVARIANT (erased for good): the work expects that the person was not erased meanwhile, so that
    /// nothing is sealed for them once their name is gone.
    pub(crate) async fn seal_private(
        &self,
        event: &mut Event,
        fields: PrivateFields,
        work: &mut Work,
    ) -> Result<(), CannotDecide> {
        let empty = fields.address.is_none() && fields.note.is_none();
        let (Some(person), Some(_), false) = (person_of(event), &self.people.master, empty) else {
            return Ok(());
        };
        let Some(named) = self.named(event.tenant, person) else {
            return Ok(());
        };
        let key = self.person_key(event.tenant, person).await?;
        let sealed = fields.seal(&key, event.id, random::bytes()?, random::bytes()?);
        let sealed = sealed.map_err(|error| CannotDecide::Arguments(error.to_string()))?;
        event.private = Some(sealed.commitment);
        work.expectations.push(named);
        work.puts
            .push((private_key(event.tenant, person, event), sealed.ciphertext));
        Ok(())
    }

    /// What to expect of the record with a person's name; `None` if they were erased.
    fn named(&self, tenant: TenantId, person: SubjectId) -> Option<(Key, Expect)> {
        let state = self.view.read();
        let subject = state.graph.subject(tenant, person)?;
        let key = RecordKey::Subject(tenant, subject.clone());
        let stamp = state.graph.stamp(&key)?;
        Some((key_of(&key), Expect::Version(Version::from_u64(stamp.0))))
    }

    /// What stands beside an event, if it can still be read.
    pub(crate) async fn open_private(&self, event: &Event) -> Result<Private, CannotDecide> {
        match person_of(event) {
            Some(person) => self.open_private_of(event, person).await,
            None => Ok(Private::None),
        }
    }

    /// The same, where it is known for whom it was sealed.
    pub(crate) async fn open_private_of(
        &self,
        event: &Event,
        person: SubjectId,
    ) -> Result<Private, CannotDecide> {
        let Some(commitment) = event.private else {
            return Ok(Private::None);
        };
        let keys = [
            private_key(event.tenant, person, event),
            person_record(event.tenant, person),
        ];
        let mut found = self.store.read(&keys).await?.records.into_iter();
        let (Some(Some(ciphertext)), Some(Some(wrapped))) = (found.next(), found.next()) else {
            return Ok(Private::Erased);
        };
        let key =
            PersonKey::new(self.open_key(&person_context(event.tenant, person), &wrapped.bytes)?);
        let opened = PrivateFields::open(&ciphertext.bytes, &key, event.id, &commitment);
        opened
            .map(Private::Shown)
            .map_err(|_| CannotDecide::WrongMasterKey)
    }

    async fn person_key(
        &self,
        tenant: TenantId,
        person: SubjectId,
    ) -> Result<Arc<PersonKey>, CannotDecide> {
        let cache = &self.people.persons;
        if let Some(key) = cache
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&(tenant, person))
        {
            return Ok(Arc::clone(key));
        }
        let context = person_context(tenant, person);
        let bytes = self
            .lasting_key(person_record(tenant, person), &context)
            .await?;
        let key = Arc::new(PersonKey::new(bytes));
        cache
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert((tenant, person), Arc::clone(&key));
        Ok(key)
    }

    /// The key that a tenant's arguments are hashed under.
    pub(crate) async fn tenant_key(
        &self,
        tenant: TenantId,
    ) -> Result<Arc<TenantKey>, CannotDecide> {
        let cache = &self.people.tenants;
        if let Some(key) = cache
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&tenant)
        {
            return Ok(Arc::clone(key));
        }
        let record = Key::new(TENANT_KEYS, tenant.as_u128().to_be_bytes());
        let context = [TENANT, &tenant.as_u128().to_be_bytes()].concat();
        let key = Arc::new(TenantKey::new(self.lasting_key(record, &context).await?));
        cache
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(tenant, Arc::clone(&key));
        Ok(key)
    }

    /// The key in this record; made if there is none.
    async fn lasting_key(&self, record: Key, context: &[u8]) -> Result<[u8; 32], CannotDecide> {
        loop {
            if let Some(found) = read_one(&*self.store, &record).await? {
                return self.open_key(context, &found.bytes);
            }
            let key: [u8; 32] = random::bytes()?;
            let stored = match &self.people.master {
                Some(master) => master
                    .seal(context, &key, random::bytes()?)
                    .map_err(|_| CannotDecide::WrongMasterKey)?,
                None => key.to_vec(),
            };
            let work = Work {
                expectations: vec![(record.clone(), Expect::Absent)],
                puts: vec![(record.clone(), stored)],
                ..Work::default()
            };
            match self.commit(work).await? {
                Ok(_) => return Ok(key),
                // Somebody else made it first: take theirs.
                Err(Failure::Conflict) => {}
                Err(failure) => return Err(crate::error::FailedCommit::from(failure).into()),
            }
        }
    }

    fn open_key(&self, context: &[u8], stored: &[u8]) -> Result<[u8; 32], CannotDecide> {
        // A tenant's key from before there was a master key lies open. A person's never does: whoever can
        // write to the store must not choose a key that they know.
        if let (true, Ok(open)) = (context.starts_with(TENANT), stored.try_into()) {
            return Ok(open);
        }
        let master = self
            .people
            .master
            .as_ref()
            .ok_or(CannotDecide::WrongMasterKey)?;
        let opened = master
            .open(context, stored)
            .map_err(|_| CannotDecide::WrongMasterKey)?;
        opened
            .as_slice()
            .try_into()
            .map_err(|_| CannotDecide::WrongMasterKey)
    }
}

/// For whom what stands beside an event is sealed: whoever wrote the note that says yes or no to a call, and
/// the event's owner otherwise.
fn person_of(event: &Event) -> Option<SubjectId> {
    if !matches!(
        event.kind,
        EventKind::ApprovalGranted | EventKind::ApprovalDenied
    ) {
        return event.owner;
    }
    match event.detail.get("by") {
        Some(Detail::Text(person)) => person.parse().ok(),
        Some(Detail::List(_)) | None => None,
    }
}

fn person_context(tenant: TenantId, person: SubjectId) -> Vec<u8> {
    let (tenant, person) = (
        tenant.as_u128().to_be_bytes(),
        person.as_u128().to_be_bytes(),
    );
    [b"person".as_slice(), &tenant, &person].concat()
}

pub(crate) fn person_record(tenant: TenantId, person: SubjectId) -> Key {
    let (tenant, person) = (
        tenant.as_u128().to_be_bytes(),
        person.as_u128().to_be_bytes(),
    );
    Key::new(PERSON_KEYS, [tenant, person].concat())
}

/// Where everything that is sealed for a person begins.
pub(crate) fn private_prefix(tenant: TenantId, person: SubjectId) -> Vec<u8> {
    [
        tenant.as_u128().to_be_bytes(),
        person.as_u128().to_be_bytes(),
    ]
    .concat()
}

fn private_key(tenant: TenantId, person: SubjectId, event: &Event) -> Key {
    let mut bytes = private_prefix(tenant, person);
    bytes.extend_from_slice(&event.id.as_u128().to_be_bytes());
    Key::new(PRIVATE_FIELDS, bytes)
}
