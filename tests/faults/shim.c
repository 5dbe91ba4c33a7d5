// Preloaded into the command, it makes a disk that is as odd as a disk may be.
//
//   SHIM_SHORT=1     what reads or writes moves a part of what was asked for, and each second call is
//                    interrupted before it moves anything
//   SHIM_TORN=N      the Nth write stops half-way, and the process with it
//   SHIM_UNCLOSED=1  files that are closed say that this failed
//   SHIM_PLAIN=1     no hard links, no exchange, no rename that refuses to replace, no space reserved, no
//                    shared blocks, no writes past the page cache: what vfat, FUSE or an old NFS lacks
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

static int shortens, unclosed, plain;
static long torn;
static atomic_long calls, writes;

__attribute__((constructor)) static void begin(void) {
  shortens = getenv("SHIM_SHORT") != NULL;
  unclosed = getenv("SHIM_UNCLOSED") != NULL;
  plain = getenv("SHIM_PLAIN") != NULL;
  torn = getenv("SHIM_TORN") != NULL ? atol(getenv("SHIM_TORN")) : 0;
}

// How many of so many bytes are moved; -1 where the call is interrupted. Where the page cache is
// passed by, whole blocks alone.
static ssize_t part(int fd, size_t bytes) {
  if (!shortens || bytes == 0) return (ssize_t)bytes;
  if (calls++ % 2 == 0) {
    errno = EINTR;
    return -1;
  }
  const int flags = fcntl(fd, F_GETFL);
  if (flags >= 0 && (flags & O_DIRECT) != 0) {
    return (ssize_t)(bytes > 8192 ? bytes / 2 / 4096 * 4096 : bytes);
  }
  return (ssize_t)(bytes / 2 + 1);
}

ssize_t pwrite(int fd, const void* from, size_t bytes, off_t at) {
  if (++writes == torn) {
    syscall(SYS_pwrite64, fd, from, bytes / 2, at);
    kill(getpid(), SIGKILL);
  }
  const ssize_t some = part(fd, bytes);
  return some < 0 ? some : syscall(SYS_pwrite64, fd, from, some, at);
}

ssize_t pread(int fd, void* to, size_t bytes, off_t at) {
  const ssize_t some = part(fd, bytes);
  return some < 0 ? some : syscall(SYS_pread64, fd, to, some, at);
}

ssize_t write(int fd, const void* from, size_t bytes) {
  const ssize_t some = part(fd, bytes);
  return some < 0 ? some : syscall(SYS_write, fd, from, some);
}

ssize_t read(int fd, void* to, size_t bytes) {
  const ssize_t some = part(fd, bytes);
  return some < 0 ? some : syscall(SYS_read, fd, to, some);
}

static int refused(int number) {
  errno = number;
  return -1;
}

int close(int fd) {
  const int closed = (int)syscall(SYS_close, fd);
  return unclosed ? refused(EIO) : closed;
}

int linkat(int from_folder, const char* from, int to_folder, const char* to, int flags) {
  if (plain) return refused(EPERM);
  return (int)syscall(SYS_linkat, from_folder, from, to_folder, to, flags);
}

int renameat2(int from_folder, const char* from, int to_folder, const char* to,
              unsigned int flags) {
  if (plain && flags != 0) return refused(EINVAL);
  return (int)syscall(SYS_renameat2, from_folder, from, to_folder, to, flags);
}

int fallocate(int fd, int mode, off_t at, off_t bytes) {
  if (plain) return refused(EOPNOTSUPP);
  return (int)syscall(SYS_fallocate, fd, mode, at, bytes);
}

int ioctl(int fd, unsigned long request, ...) {
  va_list list;
  va_start(list, request);
  void* argument = va_arg(list, void*);
  va_end(list);
  if (plain && (request == FICLONE || request == FICLONERANGE)) return refused(EOPNOTSUPP);
  return (int)syscall(SYS_ioctl, fd, request, argument);
}

int open(const char* path, int flags, ...) {
  va_list list;
  va_start(list, flags);
  const mode_t mode = (flags & O_CREAT) != 0 ? va_arg(list, mode_t) : 0;
  va_end(list);
  if (plain && (flags & O_DIRECT) != 0) return refused(EINVAL);
  return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

int openat(int folder, const char* path, int flags, ...) {
  va_list list;
  va_start(list, flags);
  const mode_t mode = (flags & O_CREAT) != 0 ? va_arg(list, mode_t) : 0;
  va_end(list);
  if (plain && (flags & O_DIRECT) != 0) return refused(EINVAL);
  return (int)syscall(SYS_openat, folder, path, flags, mode);
}
