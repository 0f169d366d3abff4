/*
 * Buffers for libcamera's virtual camera on a kernel without udmabuf (CONFIG_UDMABUF), to be
 * preloaded. libcamera asks /dev/udmabuf to make a DMA buffer of a memory file; the virtual camera
 * only maps it, and that a memory file can do by itself.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <linux/udmabuf.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>

static const char DEVICE[] = "/dev/udmabuf";

static int open_instead(const char *symbol, const char *path, int flags, mode_t mode)
{
	int (*next)(const char *, int, ...) = dlsym(RTLD_NEXT, symbol);
	if (path && strcmp(path, DEVICE) == 0)
		path = "/dev/null";
	return next(path, flags, mode);
}

#define OPENS(NAME)                                                            \
	int NAME(const char *path, int flags, ...)                             \
	{                                                                      \
		va_list rest;                                                  \
		va_start(rest, flags);                                         \
		mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, int) : 0; \
		va_end(rest);                                                  \
		return open_instead(#NAME, path, flags, mode);                 \
	}
OPENS(open)
OPENS(open64)

int ioctl(int fd, unsigned long request, ...)
{
	va_list rest;
	va_start(rest, request);
	void *argument = va_arg(rest, void *);
	va_end(rest);

	/* Python passes requests with their sign extended. */
	request = (unsigned int)request;
	if (request == UDMABUF_CREATE) {
		const struct udmabuf_create *wanted = argument;
		return fcntl(wanted->memfd, F_DUPFD_CLOEXEC, 0);
	}
	int (*next)(int, unsigned long, void *) = dlsym(RTLD_NEXT, "ioctl");
	int status = next(fd, request, argument);
	/* Nothing has to be synchronized, and nothing wants a name. */
	if (status < 0 && errno == ENOTTY && _IOC_TYPE(request) == DMA_BUF_BASE)
		return 0;
	return status;
}
