//! What people are asked to approve, and what they say.

use std::fmt;

use kavach_core::SubjectId;

use super::Sentence;

impl Sentence<'_> {
    pub(super) fn asking(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.actor(f)?;
        f.write_str(self.either(" waits", " cannot wait"))?;
        self.call(f, " for people to let it ", "act")?;
        self.change_ends(f)
    }

    pub(super) fn saying(&self, f: &mut fmt::Formatter<'_>, said: &str) -> fmt::Result {
        match self.named::<SubjectId>("by") {
            Some(person) => self.subject(f, person)?,
            None => f.write_str("somebody unknown")?,
        }
        f.write_str(self.either(" said ", " was not let say "))?;
        f.write_str(said)?;
        if self.event.agent.is_some() {
            f.write_str(" to letting ")?;
            self.actor(f)?;
            self.call(f, " ", "act")?;
        }
        self.details(f, &["by"])?;
        self.ending(f)
    }

    pub(super) fn change_of_owner(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.owner(f)?;
        f.write_str(self.either(
            " may do other things in Kavach itself",
            " may do in Kavach itself what they could",
        ))?;
        self.change_ends(f)
    }
}
