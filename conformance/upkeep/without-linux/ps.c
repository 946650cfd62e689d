/*
 * A `ps` with the options and columns that POSIX, Linux and the BSDs' ps have in common.
 *
 *     ps [-A] [-ww] [-p PID[,PID]...]... -o COLUMN= [-o COLUMN=]...
 *
 * PROC is the folder where /proc is, which nobody else finds there. This is C, since a run of
 * the suite calls it tens of thousands of times.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MOST 64
static char content[1 << 20];
static long length;
static const char *columns[MOST];
static int count, shown;
static FILE *out;

/* Read a file of PROC into `content`; 0 if the process has ended. */
static int look(const char *pid, const char *name)
{
	char path[4096];
	snprintf(path, sizeof path, "%s/%s/%s", PROC, pid, name);
	int fd = open(path, O_RDONLY);
	if (fd == -1) return 0;
	long got;
	for (length = 0; (got = read(fd, content + length, sizeof content - 1 - length)) > 0;) length += got;
	close(fd);
	content[length] = 0;
	return got == 0;
}

/* The fields of stat after the name, which may hold anything: the state is number 0. */
static const char *field(int number)
{
	char *at = strrchr(content, ')') + 2;
	while (number--) at = strchr(at, ' ') + 1;
	at[strcspn(at, " \n")] = 0;
	return at;
}

static void arguments(const char *pid)
{
	while (length > 0 && !content[length - 1]) --length;
	for (long i = 0; i < length; ++i) putc(content[i] ? content[i] : ' ', out);
	if (length == 0 && look(pid, "comm")) fprintf(out, "[%.*s]", (int)length - 1, content);
}

static int column(const char *pid, const char *name)
{
	if (!strcmp(name, "pid")) return fprintf(out, "%s", pid);
	if (!strcmp(name, "comm")) return look(pid, "comm") && fprintf(out, "%.*s", (int)length - 1, content);
	if (!strcmp(name, "args")) return look(pid, "cmdline") && (arguments(pid), 1);
	if (!look(pid, "stat")) return 0;
	if (!strcmp(name, "stat")) return fprintf(out, "%s", field(0));
	if (!strcmp(name, "ppid")) return fprintf(out, "%s", field(1));
	if (!strcmp(name, "pgid")) return fprintf(out, "%s", field(2));
	if (!strcmp(name, "rss")) return fprintf(out, "%ld", atol(field(21)) * (sysconf(_SC_PAGESIZE) / 1024));
	if (!strcmp(name, "time")) {
		long system = atol(field(12)), hundredths;
		hundredths = (atol(field(11)) + system) * 100 / sysconf(_SC_CLK_TCK);
		return fprintf(out, "%ld:%02ld.%02ld", hundredths / 6000, hundredths / 100 % 60, hundredths % 100);
	}
	fprintf(stderr, "ps: %s: keyword not found\n", name);
	exit(1);
}

/* The line of a process; none if it has ended meanwhile. */
static void line(const char *pid)
{
	char *text;
	size_t size;
	int i;
	out = open_memstream(&text, &size);
	for (i = 0; i < count && column(pid, columns[i]); ++i) putc(i + 1 < count ? ' ' : '\n', out);
	fclose(out);
	if (i == count) shown += fwrite(text, 1, size, stdout) > 0;
	free(text);
}

int main(int argc, char **argv)
{
	const char *pids[MOST];
	int all = 0, number = 0, i;
	for (i = 1; i < argc; ++i) {
		if (!strcmp(argv[i], "-A")) all = 1;
		else if (!strcmp(argv[i], "-p") && argv[i + 1]) {
			for (char *pid = strtok(argv[++i], ","); pid && number < MOST; pid = strtok(0, ","))
				pids[number++] = pid;
		}
		else if (!strcmp(argv[i], "-o") && count < MOST && argv[i + 1]) {
			char *name = argv[++i];
			if (*name && name[strlen(name) - 1] == '=') name[strlen(name) - 1] = 0;
			columns[count++] = name;
		} else if (strcmp(argv[i], "-ww")) {
			fprintf(stderr, "ps: illegal option -- %s\n", argv[i]);
			return 1;
		}
	}
	for (i = 0; i < number; ++i) line(pids[i]);
	DIR *folder = all ? opendir(PROC) : 0;
	for (struct dirent *entry; folder && (entry = readdir(folder));)
		if (*entry->d_name >= '1' && *entry->d_name <= '9') line(entry->d_name);
	return shown ? 0 : 1;
}
