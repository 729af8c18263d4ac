/*
 * A disk that fails and forgets, as a preload library under one member.
 *
 * It watches every file of one file system (that of CHAOS_VOLUME, told by its device number, so
 * that no table of descriptors is needed) and does two things to it:
 *
 *  - Faults on command: errors of syncs and writes, slow syncs. The commands lie in CHAOS_CONTROL,
 *    a file mapped by the harness too, which also reads there how often each was obeyed.
 *  - A journal of what no sync has covered yet, in CHAOS_JOURNAL (elsewhere, so that it has room
 *    when the volume has none). From it the harness makes a power loss, after it has killed the
 *    process:
 *
 *      pages/<inode>   empty: all is on the disk. Otherwise the size when it was, then each page as
 *                      it was before its first write since. A page may stand there twice, after a
 *                      restart of the process; the first counts.
 *      names           creations, renames and removals in order, and syncs of directories between.
 *
 *    And in the volume itself, for they are hard links:
 *
 *      saved/<d>.<n>   what a removal or a rename in directory <d> (inode) took away.
 *
 * What is journalled is journalled before the call goes through, and forgotten only after the sync
 * came back, so the journal is right whenever the process is killed. One lock makes each call
 * atomic with its journal. System calls that do not pass through libc (rustix makes some:
 * fallocate, flock) are not seen; a size that they change is learnt at the next sync. Whatever
 * would change contents unseen is refused: in-kernel copies (callers then fall back to writing) and
 * writable shared mappings.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096
/* Files whose journalled pages are remembered. Forgetting one only journals a page twice. */
#define FILES 64

struct control {
    _Atomic int32_t sync_error, write_error, sync_delay_ms;
    _Atomic int32_t syncs_failed, writes_failed, syncs_delayed;
};

struct file {
    ino_t inode;
    uint8_t *seen; /* A bit for each page. */
    size_t pages;
};

static struct control *control;
static dev_t volume;
static char root[PATH_MAX], side[PATH_MAX];
static struct file files[FILES];
static unsigned next_file, next_saved;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

#define REAL(type, name, ...) static type (*real_##name)(__VA_ARGS__)
REAL(int, openat, int, const char *, int, ...);
REAL(ssize_t, write, int, const void *, size_t);
REAL(ssize_t, pwrite, int, const void *, size_t, off_t);
REAL(ssize_t, writev, int, const struct iovec *, int);
REAL(int, ftruncate, int, off_t);
REAL(int, fsync, int);
REAL(int, fdatasync, int);
REAL(int, renameat, int, const char *, int, const char *);
REAL(int, unlinkat, int, const char *, int);
REAL(int, mkdirat, int, const char *, mode_t);
REAL(int, symlinkat, const char *, int, const char *);
REAL(void *, mmap, void *, size_t, int, int, int, off_t);
REAL(ssize_t, copy_file_range, int, off_t *, int, off_t *, size_t, unsigned);
REAL(ssize_t, sendfile, int, int, off_t *, size_t);

static void load(void) {
#define LOAD(name) *(void **)&real_##name = dlsym(RTLD_NEXT, #name)
    LOAD(openat), LOAD(write), LOAD(pwrite), LOAD(writev), LOAD(ftruncate);
    LOAD(fsync), LOAD(fdatasync);
    LOAD(renameat), LOAD(unlinkat), LOAD(mkdirat), LOAD(symlinkat);
    LOAD(mmap), LOAD(copy_file_range), LOAD(sendfile);
}

static void die(const char *what) {
    dprintf(2, "faultfs: %s\n", what);
    abort();
}

__attribute__((constructor)) static void start(void) {
    load();
    const char *mount = getenv("CHAOS_VOLUME"), *there = getenv("CHAOS_JOURNAL");
    const char *file = getenv("CHAOS_CONTROL");
    if (!mount || !there || !file) return;
    struct stat about;
    int fd = real_openat(AT_FDCWD, file, O_RDWR | O_CLOEXEC);
    if (fd < 0 || stat(mount, &about)) die("cannot open what the environment names");
    control = real_mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (control == MAP_FAILED) die("cannot map the control file");
    close(fd);
    snprintf(root, sizeof root, "%s", mount);
    snprintf(side, sizeof side, "%s", there);
    volume = about.st_dev;
}

/* Whether a descriptor's file is watched, and what it is. */
static int watched(int fd, struct stat *about) {
    int before = errno;
    int yes = volume && fd >= 0 && !fstat(fd, about) && about->st_dev == volume
        && (S_ISREG(about->st_mode) || S_ISDIR(about->st_mode));
    errno = before;
    return yes;
}

/* An absolute path, and whether its directory is watched. */
static int named(int dir, const char *path, char *out, struct stat *parent) {
    if (!volume) return 0;
    char base[PATH_MAX] = "", link[64];
    if (path[0] != '/') {
        snprintf(link, sizeof link, dir == AT_FDCWD ? "/proc/self/cwd" : "/proc/self/fd/%d", dir);
        if (readlink(link, base, sizeof base - 1) < 0) return 0;
    }
    const char *format = path[0] == '/' ? "%s%s" : "%s/%s";
    if (snprintf(out, PATH_MAX, format, base, path) >= PATH_MAX) return 0;
    char above[PATH_MAX];
    strcpy(above, out);
    char *slash = strrchr(above, '/');
    if (!slash) return 0;
    slash[slash == above] = 0;
    return !stat(above, parent) && parent->st_dev == volume;
}

static int fails(_Atomic int32_t *command, _Atomic int32_t *count) {
    int error = control ? atomic_load(command) : 0;
    if (!error) return 0;
    atomic_fetch_add(count, 1);
    errno = error;
    return 1;
}
#define WRITE_FAILS (fails(&control->write_error, &control->writes_failed))

/* ---- contents ---- */

static struct file *remembered(ino_t inode) {
    for (unsigned at = 0; at < FILES; at++)
        if (files[at].inode == inode) return &files[at];
    struct file *file = &files[next_file++ % FILES];
    free(file->seen);
    *file = (struct file){.inode = inode};
    return file;
}

/* Opens the journal of a file, which begins with the size that is on the disk. */
static int journal(ino_t inode, int64_t size) {
    char path[PATH_MAX + 32];
    snprintf(path, sizeof path, "%s/pages/%ju", side, (uintmax_t)inode);
    int fd = real_openat(AT_FDCWD, path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    struct stat about;
    if (fd < 0 || fstat(fd, &about)) die("cannot open a journal");
    if (about.st_size == 0 && real_write(fd, &size, sizeof size) != sizeof size)
        die("cannot begin a journal");
    return fd;
}

/* Journals the pages from `from` to `to` that no journal has since the last sync. */
static void keep(int fd, const struct stat *about, off_t from, off_t to) {
    if (about->st_nlink == 0 || to <= from) return; /* Gone with the process. */
    struct file *file = remembered(about->st_ino);
    size_t end = (size_t)((to + PAGE - 1) / PAGE);
    if (end > file->pages) {
        size_t old = (file->pages + 7) / 8, new = (end + 7) / 8;
        file->seen = realloc(file->seen, new);
        memset(file->seen + old, 0, new - old);
        file->pages = end;
    }
    int log = -1, source = -1;
    for (size_t page = (size_t)(from / PAGE); page < end; page++) {
        if (file->seen[page / 8] & (1 << page % 8)) continue;
        if (log < 0) {
            char path[64];
            snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
            log = journal(about->st_ino, about->st_size);
            source = real_openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
            if (source < 0) die("cannot read what is about to be written");
        }
        struct { uint64_t page; uint64_t length; char bytes[PAGE]; } record = {.page = page};
        ssize_t length = pread(source, record.bytes, PAGE, (off_t)page * PAGE);
        record.length = length < 0 ? 0 : (uint64_t)length;
        if (real_write(log, &record, sizeof record) != sizeof record) die("cannot journal a page");
        file->seen[page / 8] |= (uint8_t)(1 << page % 8);
    }
    if (log >= 0) close(log), close(source);
}

static void synced(ino_t inode) {
    char path[PATH_MAX + 32];
    snprintf(path, sizeof path, "%s/pages/%ju", side, (uintmax_t)inode);
    int fd = real_openat(AT_FDCWD, path, O_WRONLY | O_CLOEXEC);
    if (fd < 0) return;
    if (real_ftruncate(fd, 0)) die("cannot empty a journal");
    close(fd);
    struct file *file = remembered(inode);
    memset(file->seen ? file->seen : (uint8_t *)"", 0, file->seen ? (file->pages + 7) / 8 : 0);
}

/* ---- names ---- */

static void note(const char *what, const char *one, const char *two, const char *three) {
    char path[PATH_MAX + 32], line[3 * PATH_MAX + 64];
    snprintf(path, sizeof path, "%s/names", side);
    int fd = real_openat(AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    int length = snprintf(line, sizeof line, "%s\t%s\t%s\t%s\n", what, one, two, three);
    if (fd < 0 || real_write(fd, line, (size_t)length) != length) die("cannot journal a name");
    close(fd);
}

/* Keeps what `path` names under another name; its name is "-" if there is nothing to keep. */
static void save(const char *path, const struct stat *parent, char *name, size_t room) {
    char target[PATH_MAX + 64];
    snprintf(name, room, "%ju.%d.%u", (uintmax_t)parent->st_ino, getpid(), next_saved++);
    snprintf(target, sizeof target, "%s/saved/%s", root, name);
    if (linkat(AT_FDCWD, path, AT_FDCWD, target, 0)) snprintf(name, room, "-");
}

/* A directory was synced: what was taken out of it is gone for good. */
static void directory_synced(int fd, const struct stat *about) {
    char path[PATH_MAX + 32], link[64], prefix[32];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, PATH_MAX - 1);
    if (length < 0) return;
    path[length] = 0;
    note("sync", path, "-", "-");
    snprintf(path, sizeof path, "%s/saved", root);
    int prefix_length = snprintf(prefix, sizeof prefix, "%ju.", (uintmax_t)about->st_ino);
    DIR *saved = opendir(path);
    for (struct dirent *entry; saved && (entry = readdir(saved));) {
        struct stat old;
        if (strncmp(entry->d_name, prefix, (size_t)prefix_length)) continue;
        if (!fstatat(dirfd(saved), entry->d_name, &old, 0) && old.st_nlink == 1) {
            snprintf(path, sizeof path, "%s/pages/%ju", side, (uintmax_t)old.st_ino);
            real_unlinkat(AT_FDCWD, path, 0);
            remembered(old.st_ino)->inode = 0;
        }
        real_unlinkat(dirfd(saved), entry->d_name, 0);
    }
    if (saved) closedir(saved);
}

/* ---- the calls ---- */

#define LOCKED(type, call) \
    ({ pthread_mutex_lock(&lock); type result_ = (call); int error_ = errno; \
       pthread_mutex_unlock(&lock); errno = error_; result_; })

static int opened(int dir, const char *path, int flags, mode_t mode) {
    char full[PATH_MAX];
    struct stat parent, about;
    int changes = (flags & O_ACCMODE) != O_RDONLY || flags & (O_CREAT | O_TRUNC);
    if (!changes || (flags & O_TMPFILE) == O_TMPFILE || !named(dir, path, full, &parent))
        return real_openat(dir, path, flags, mode);
    int exists = !stat(full, &about);
    if (WRITE_FAILS) return -1;
    if (exists && flags & O_TRUNC && S_ISREG(about.st_mode)) {
        int fd = real_openat(AT_FDCWD, full, O_RDWR | O_CLOEXEC);
        if (fd >= 0) keep(fd, &about, 0, about.st_size), close(fd);
    }
    int fd = real_openat(dir, path, flags, mode);
    if (fd >= 0 && !exists && flags & O_CREAT && !fstat(fd, &about)) {
        close(journal(about.st_ino, 0));
        note("create", full, "-", "-");
    }
    return fd;
}

#define OPEN(name, ...) \
    int name(__VA_ARGS__, int flags, ...) { \
        if (!real_openat) load(); \
        mode_t mode = 0; \
        va_list rest; \
        va_start(rest, flags); \
        if (flags & (O_CREAT | O_TMPFILE)) mode = va_arg(rest, mode_t); \
        va_end(rest); \
        if (!volume) return real_openat(DIR_OF, path, flags, mode); \
        return LOCKED(int, opened(DIR_OF, path, flags, mode)); \
    }
#define DIR_OF AT_FDCWD
OPEN(open, const char *path)
OPEN(open64, const char *path)
#undef DIR_OF
#define DIR_OF dir
OPEN(openat, int dir, const char *path)
OPEN(openat64, int dir, const char *path)

static ssize_t written(int fd, const struct iovec *parts, int count, off_t at, int positioned) {
    struct stat about;
    if (watched(fd, &about) && S_ISREG(about.st_mode)) {
        if (WRITE_FAILS) return -1;
        off_t from = at, length = 0;
        for (int part = 0; part < count; part++) length += (off_t)parts[part].iov_len;
        if (!positioned)
            from = fcntl(fd, F_GETFL) & O_APPEND ? about.st_size : lseek(fd, 0, SEEK_CUR);
        keep(fd, &about, from, from + length);
    }
    if (positioned) return real_pwrite(fd, parts->iov_base, parts->iov_len, at);
    return real_writev(fd, parts, count);
}

ssize_t write(int fd, const void *bytes, size_t length) {
    if (!volume) { if (!real_write) load(); return real_write(fd, bytes, length); }
    struct stat about;
    if (!watched(fd, &about)) return real_write(fd, bytes, length);
    struct iovec part = {(void *)bytes, length};
    return LOCKED(ssize_t, written(fd, &part, 1, 0, 0));
}
ssize_t writev(int fd, const struct iovec *parts, int count) {
    struct stat about;
    if (!watched(fd, &about)) return real_writev(fd, parts, count);
    return LOCKED(ssize_t, written(fd, parts, count, 0, 0));
}
ssize_t pwrite(int fd, const void *bytes, size_t length, off_t at) {
    struct iovec part = {(void *)bytes, length};
    return LOCKED(ssize_t, written(fd, &part, 1, at, 1));
}
ssize_t pwrite64(int fd, const void *bytes, size_t length, off_t at) {
    return pwrite(fd, bytes, length, at);
}

static int truncated(int fd, off_t size) {
    struct stat about;
    if (watched(fd, &about)) {
        if (WRITE_FAILS) return -1;
        /* Growth changes no page, but the size: the journal holds it once it has begun. */
        keep(fd, &about, size < about.st_size ? size : about.st_size - 1, about.st_size);
        if (about.st_size == 0) close(journal(about.st_ino, 0));
    }
    return real_ftruncate(fd, size);
}
int ftruncate(int fd, off_t size) { return LOCKED(int, truncated(fd, size)); }
int ftruncate64(int fd, off_t size) { return ftruncate(fd, size); }

static int sync_with(int fd, int (*sync)(int)) {
    struct stat about;
    if (!watched(fd, &about)) return sync(fd);
    int32_t delay = atomic_load(&control->sync_delay_ms);
    if (delay > 0) {
        struct timespec time = {delay / 1000, delay % 1000 * 1000000L};
        atomic_fetch_add(&control->syncs_delayed, 1);
        nanosleep(&time, NULL);
    }
    if (fails(&control->sync_error, &control->syncs_failed)) return -1;
    pthread_mutex_lock(&lock);
    int result = sync(fd), error = errno;
    if (!result && S_ISDIR(about.st_mode)) directory_synced(fd, &about);
    else if (!result) synced(about.st_ino);
    pthread_mutex_unlock(&lock);
    errno = error;
    return result;
}
int fsync(int fd) { return sync_with(fd, real_fsync); }
int fdatasync(int fd) { return sync_with(fd, real_fdatasync); }

static int renamed(int dir, const char *from, int to_dir, const char *to) {
    char one[PATH_MAX], two[PATH_MAX], name[64] = "-";
    struct stat parent, about;
    if (!named(dir, from, one, &parent) || !named(to_dir, to, two, &parent))
        return real_renameat(dir, from, to_dir, to);
    if (WRITE_FAILS) return -1;
    if (!lstat(two, &about)) save(two, &parent, name, sizeof name);
    int result = real_renameat(dir, from, to_dir, to);
    if (!result) note("rename", one, two, name);
    return result;
}
int renameat(int dir, const char *from, int to_dir, const char *to) {
    return LOCKED(int, renamed(dir, from, to_dir, to));
}
int renameat2(int dir, const char *from, int to_dir, const char *to, unsigned flags) {
    if (!flags || !volume) return renameat(dir, from, to_dir, to);
    /* Exchanges and the like: callers then do without. */
    return errno = EINVAL, -1;
}
int rename(const char *from, const char *to) { return renameat(AT_FDCWD, from, AT_FDCWD, to); }

static int removed(int dir, const char *path, int flags) {
    char full[PATH_MAX], name[64] = "-";
    struct stat parent;
    if (!named(dir, path, full, &parent)) return real_unlinkat(dir, path, flags);
    if (WRITE_FAILS) return -1;
    if (!(flags & AT_REMOVEDIR)) save(full, &parent, name, sizeof name);
    int result = real_unlinkat(dir, path, flags);
    if (!result) note(flags & AT_REMOVEDIR ? "rmdir" : "unlink", full, "-", name);
    return result;
}
int unlinkat(int dir, const char *path, int flags) {
    return LOCKED(int, removed(dir, path, flags));
}
int unlink(const char *path) { return unlinkat(AT_FDCWD, path, 0); }
int rmdir(const char *path) { return unlinkat(AT_FDCWD, path, AT_REMOVEDIR); }

static int made(int dir, const char *path, mode_t mode) {
    char full[PATH_MAX];
    struct stat parent;
    int ours = named(dir, path, full, &parent);
    if (ours && WRITE_FAILS) return -1;
    int result = real_mkdirat(dir, path, mode);
    if (!result && ours) note("mkdir", full, "-", "-");
    return result;
}
int mkdirat(int dir, const char *path, mode_t mode) { return LOCKED(int, made(dir, path, mode)); }
int mkdir(const char *path, mode_t mode) { return mkdirat(AT_FDCWD, path, mode); }

int symlinkat(const char *target, int dir, const char *path) {
    char full[PATH_MAX];
    struct stat parent;
    int ours = named(dir, path, full, &parent);
    int result = real_symlinkat(target, dir, path);
    if (!result && ours) LOCKED(int, (note("create", full, "-", "-"), 0));
    return result;
}
int symlink(const char *target, const char *path) { return symlinkat(target, AT_FDCWD, path); }

ssize_t copy_file_range(int from, off_t *at, int to, off_t *there, size_t length, unsigned flags) {
    struct stat about;
    if (watched(to, &about)) return errno = ENOSYS, -1;
    return real_copy_file_range(from, at, to, there, length, flags);
}
ssize_t sendfile(int to, int from, off_t *at, size_t length) {
    struct stat about;
    if (watched(to, &about)) return errno = ENOSYS, -1;
    return real_sendfile(to, from, at, length);
}
ssize_t sendfile64(int to, int from, off_t *at, size_t length) {
    return sendfile(to, from, at, length);
}

void *mmap(void *where, size_t length, int protection, int flags, int fd, off_t at) {
    struct stat about;
    if (!real_mmap) load();
    if (fd >= 0 && flags & MAP_SHARED && protection & PROT_WRITE && watched(fd, &about))
        die("a writable mapping of a watched file cannot be journalled");
    return real_mmap(where, length, protection, flags, fd, at);
}
void *mmap64(void *where, size_t length, int protection, int flags, int fd, off_t at) {
    return mmap(where, length, protection, flags, fd, at);
}
