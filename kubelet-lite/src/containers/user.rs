//! Who a container runs as: names of the image's own users and groups.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat, openat2};

/// A longer `/etc/passwd` is not read: it is the image's, and not trusted.
const FILE_LIMIT: u64 = 1 << 20;

/// The image's `/etc/passwd` and `/etc/group`, empty where it has none.
#[derive(Clone, Debug, Default)]
pub(crate) struct Accounts {
    pub passwd: String,
    pub group: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    pub uid: u32,
    pub gid: u32,
    pub groups: Vec<u32>,
    pub home: String,
}

/// What is asked for; `image_user` is `user[:group]`, either as name or number.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wish<'a> {
    pub image_user: &'a str,
    pub run_as_user: Option<i64>,
    pub run_as_group: Option<i64>,
    pub supplemental_groups: &'a [i64],
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum UserError {
    #[error("unable to find user {0}: no matching entries in passwd file")]
    UnknownUser(String),
    #[error("unable to find group {0}: no matching entries in group file")]
    UnknownGroup(String),
    #[error("{0} is no user or group id")]
    OutOfRange(i64),
}

impl Accounts {
    /// Reads them below `rootfs`, whatever links the image has there.
    pub(crate) fn read(rootfs: &Path) -> Self {
        let read = |path: &str| -> Option<String> {
            let flags = OFlags::DIRECTORY | OFlags::PATH | OFlags::CLOEXEC;
            let root = openat(CWD, rootfs, flags, Mode::empty()).ok()?;
            let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
            let file = openat2(root, path, flags, Mode::empty(), ResolveFlags::IN_ROOT).ok()?;
            let mut text = String::new();
            File::from(file).take(FILE_LIMIT).read_to_string(&mut text).ok()?;
            Some(text)
        };
        Self {
            passwd: read("etc/passwd").unwrap_or_default(),
            group: read("etc/group").unwrap_or_default(),
        }
    }

    /// As CRI runtimes do: the pod's wish before the image's, the user's own group unless one is
    /// named, and the groups that list the user besides those asked for.
    pub(crate) fn resolve(&self, wish: &Wish<'_>) -> Result<Identity, UserError> {
        let (user, group) = match wish.image_user.split_once(':') {
            Some((user, group)) => (user, Some(group)),
            None => (wish.image_user, None),
        };
        let entry = match wish.run_as_user {
            Some(uid) => self.by_uid(id(uid)?),
            None if user.is_empty() => self.by_uid(0),
            None => match user.parse() {
                Ok(uid) => self.by_uid(uid),
                Err(_) => self
                    .entries()
                    .find(|entry| entry.name == user)
                    .ok_or_else(|| UserError::UnknownUser(user.to_owned()))?,
            },
        };
        let gid = match (wish.run_as_group, group) {
            (Some(gid), _) => id(gid)?,
            (None, Some(group)) if wish.run_as_user.is_none() => self.group(group)?,
            (None, _) => entry.gid,
        };
        let mut groups = self.groups_of(entry.name);
        for group in wish.supplemental_groups {
            groups.push(id(*group)?);
        }
        groups.sort_unstable();
        groups.dedup();
        Ok(Identity { uid: entry.uid, gid, groups, home: entry.home.to_owned() })
    }

    fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        self.passwd.lines().filter_map(|line| {
            let fields: Vec<&str> = line.split(':').collect();
            Some(Entry {
                name: fields.first().copied().filter(|name| !name.is_empty())?,
                uid: fields.get(2)?.parse().ok()?,
                gid: fields.get(3)?.parse().ok()?,
                home: fields.get(5).copied().filter(|home| !home.is_empty()).unwrap_or("/"),
            })
        })
    }

    /// A number needs no entry.
    fn by_uid(&self, uid: u32) -> Entry<'_> {
        let nameless = Entry { name: "", uid, gid: 0, home: if uid == 0 { "/root" } else { "/" } };
        self.entries().find(|entry| entry.uid == uid).unwrap_or(nameless)
    }

    fn group(&self, name: &str) -> Result<u32, UserError> {
        if let Ok(gid) = name.parse() {
            return Ok(gid);
        }
        let mut groups = self.group.lines().map(|line| line.split(':').collect::<Vec<_>>());
        let found = groups.find(|fields| fields.first() == Some(&name));
        found
            .and_then(|fields| fields.get(2)?.parse().ok())
            .ok_or_else(|| UserError::UnknownGroup(name.to_owned()))
    }

    fn groups_of(&self, user: &str) -> Vec<u32> {
        if user.is_empty() {
            return vec![];
        }
        let groups = self.group.lines().filter_map(|line| {
            let fields: Vec<&str> = line.split(':').collect();
            let lists = fields.get(3)?.split(',').any(|member| member == user);
            lists.then(|| fields[2].parse().ok())?
        });
        groups.collect()
    }
}

struct Entry<'a> {
    name: &'a str,
    uid: u32,
    gid: u32,
    home: &'a str,
}

fn id(number: i64) -> Result<u32, UserError> {
    u32::try_from(number).map_err(|_| UserError::OutOfRange(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accounts() -> Accounts {
        Accounts {
            passwd: "root:x:0:0:root:/root:/bin/sh\nweb:x:33:34::/srv:/bin/false\nbroken\n".into(),
            group: "root:x:0:\nweb:x:34:\naudio:x:29:root,web\nvideo:x:44:web\n".into(),
        }
    }

    #[test]
    fn users_are_resolved_as_cri_does() {
        type Row<'a> =
            (&'a str, Option<i64>, Option<i64>, &'a [i64], (u32, u32, &'a [u32], &'a str));
        let rows: [Row<'_>; 10] = [
            ("", None, None, &[], (0, 0, &[29], "/root")),
            ("web", None, None, &[], (33, 34, &[29, 44], "/srv")),
            ("33", None, None, &[], (33, 34, &[29, 44], "/srv")),
            ("web:audio", None, None, &[], (33, 29, &[29, 44], "/srv")),
            ("web:7", None, None, &[], (33, 7, &[29, 44], "/srv")),
            ("1000:2000", None, None, &[], (1000, 2000, &[], "/")),
            ("web", Some(1000), None, &[], (1000, 0, &[], "/")),
            ("web:7", Some(33), None, &[], (33, 34, &[29, 44], "/srv")),
            ("", Some(1000), Some(3000), &[5, 29], (1000, 3000, &[5, 29], "/")),
            ("", None, Some(9), &[29], (0, 9, &[29], "/root")),
        ];
        for (image_user, run_as_user, run_as_group, supplemental_groups, expected) in rows {
            let wish = Wish { image_user, run_as_user, run_as_group, supplemental_groups };
            let (uid, gid, groups, home) = expected;
            let expected = Identity { uid, gid, groups: groups.to_vec(), home: home.to_owned() };
            assert_eq!(accounts().resolve(&wish), Ok(expected), "{wish:?}");
        }
    }

    #[test]
    fn unknown_names_are_refused() {
        let resolve = |image_user| {
            let wish = Wish { image_user, ..Wish::default() };
            accounts().resolve(&wish)
        };
        assert_eq!(resolve("nobody"), Err(UserError::UnknownUser("nobody".into())));
        assert_eq!(resolve("web:none"), Err(UserError::UnknownGroup("none".into())));
        let negative = Wish { run_as_user: Some(-1), ..Wish::default() };
        assert_eq!(accounts().resolve(&negative), Err(UserError::OutOfRange(-1)));
    }
}
