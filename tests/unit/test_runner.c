/* The jobs of one loop: their order, and how many run in a row. */
#include "cm.h"
#include "runner.h"

#include <stdatomic.h>
#include <time.h>

#define JOBS 100
#define SETTLE_MS 30000

struct room {
	struct loop *loop;
	struct runner *runner;
	unsigned ran[2 * JOBS]; /* the numbers of the jobs, in the order in which they ran */
	atomic_uint count;
	struct loop_task task;
	unsigned before_task; /* jobs that had run before the task */
};

struct noted {
	struct job job;
	struct room *room;
	unsigned number;
	bool posts; /* the room's task */
};

static void task_ran(struct loop_task *task)
{
	struct room *room = (struct room *)((char *)task - offsetof(struct room, task));
	room->before_task = atomic_load(&room->count);
}

static void noted_ran(struct job *job)
{
	struct noted *noted = (struct noted *)job;
	struct room *room = noted->room;
	assert_true(loop_is_mine(room->loop));
	assert_true(runner_is_busy(room->runner));
	room->ran[atomic_load(&room->count)] = noted->number;
	if (noted->posts)
		loop_post(room->loop, &room->task);
	atomic_fetch_add(&room->count, 1);
}

static struct noted noted(struct room *room, unsigned number, enum work_class class, uint64_t client)
{
	return (struct noted){
		.job = {.class = class, .client = client, .run = noted_ran}, .room = room, .number = number};
}

static void room_open(struct room *room)
{
	struct failure why;
	*room = (struct room){.task = {.run = task_ran}};
	room->loop = loop_new(&why);
	assert_non_null(room->loop);
	room->runner = runner_new(room->loop);
}

/* Waits until so many jobs have run. */
static void room_close(struct room *room, unsigned jobs)
{
	for (int i = 0; i < SETTLE_MS && atomic_load(&room->count) < jobs; i++)
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	assert_int_equal(atomic_load(&room->count), jobs);
	loop_stop(room->loop);
	loop_join(room->loop);
	assert_false(runner_is_busy(room->runner));
	runner_free(&room->runner);
	loop_free(&room->loop);
}

static void room_run(struct room *room, unsigned jobs)
{
	struct failure why;
	assert_true(loop_start(room->loop, &why));
	room_close(room, jobs);
}

/* A hundred jobs of one client delay the jobs of two other clients by one job each, and all run in order. */
static void clients_take_turns(void **state)
{
	static struct room room;
	static struct noted job[JOBS + 2];
	(void)state;
	room_open(&room);
	for (unsigned i = 0; i < JOBS + 2; i++) {
		job[i] = noted(&room, i, WORK_ASKED, i < JOBS ? 1 : 2 + i - JOBS);
		runner_push(room.runner, &job[i].job);
	}
	room_run(&room, JOBS + 2);
	assert_int_equal(room.ran[0], 0);
	assert_int_equal(room.ran[1], JOBS);
	assert_int_equal(room.ran[2], JOBS + 1);
	for (unsigned i = 3; i < JOBS + 2; i++)
		assert_int_equal(room.ran[i], i - 2);
}

/* Jobs with a waiter run first. Refreshes get a turn after every few of them, and run when there are none. */
static void refreshes_come_second(void **state)
{
	static struct room room;
	static struct noted job[2 * 40];
	unsigned first = 0, until_last_asked = 0;
	(void)state;
	room_open(&room);
	for (unsigned i = 0; i < 80; i++) {
		job[i] = noted(&room, i, i < 40 ? WORK_REFRESH : WORK_ASKED, i % 3);
		runner_push(room.runner, &job[i].job);
	}
	room_run(&room, 80);
	while (room.ran[first] >= 40)
		first++;
	assert_in_range(first, 2, 8);
	for (unsigned i = 0, asked = 0; asked < 40; i++) {
		asked += room.ran[i] >= 40;
		until_last_asked += room.ran[i] < 40;
	}
	assert_in_range(until_last_asked, 5, 20);
}

/* After a few jobs the loop does its other work first. */
static void turns_end(void **state)
{
	static struct room room;
	static struct noted job[JOBS];
	(void)state;
	room_open(&room);
	for (unsigned i = 0; i < JOBS; i++) {
		job[i] = noted(&room, i, WORK_ASKED, 1);
		job[i].posts = i == 0;
		runner_push(room.runner, &job[i].job);
	}
	room_run(&room, JOBS);
	assert_in_range(room.before_task, 1, JOBS / 2);
}

/* Jobs come from another thread while the loop runs. */
static void jobs_are_posted(void **state)
{
	static struct room room;
	static struct noted job[JOBS];
	struct failure why;
	(void)state;
	room_open(&room);
	assert_true(loop_start(room.loop, &why));
	for (unsigned i = 0; i < JOBS; i++) {
		job[i] = noted(&room, i, WORK_ASKED, 1);
		runner_post(room.runner, &job[i].job);
	}
	room_close(&room, JOBS);
	for (unsigned i = 0; i < JOBS; i++)
		assert_int_equal(room.ran[i], i);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(clients_take_turns),
		cmocka_unit_test(refreshes_come_second),
		cmocka_unit_test(turns_end),
		cmocka_unit_test(jobs_are_posted),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
