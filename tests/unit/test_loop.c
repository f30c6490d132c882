/* The event loop: tasks from many threads, descriptors, timers, and the end of the loop. */
#include "cm.h"
#include "loop.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define POSTERS 4
#define POSTS 2000

static struct loop *started(void)
{
	struct failure why;
	struct loop *loop = loop_new(&why);
	assert_non_null(loop);
	assert_true(loop_start(loop, &why));
	return loop;
}

static void ended(struct loop **loop)
{
	loop_stop(*loop);
	loop_join(*loop);
	loop_free(loop);
	assert_null(*loop);
}

struct numbered {
	struct loop_task task;
	struct loop *loop;
	unsigned *last; /* tasks of this poster that ran */
	unsigned number;
	bool mine;
};

static void number_ran(struct loop_task *task)
{
	struct numbered *n = (struct numbered *)task;
	assert_int_equal(n->number, *n->last + 1); /* tasks of one thread run in the order of its posts */
	*n->last = n->number;
	n->mine = loop_is_mine(n->loop);
}

struct poster {
	pthread_t thread;
	struct loop *loop;
	unsigned last;
	struct numbered post[POSTS];
};

static void *poster_run(void *arg)
{
	struct poster *poster = arg;
	for (unsigned i = 0; i < POSTS; i++) {
		poster->post[i] = (struct numbered){
			.task = {.run = number_ran}, .loop = poster->loop, .last = &poster->last, .number = i + 1};
		loop_post(poster->loop, &poster->post[i].task);
	}
	return NULL;
}

static void test_tasks_of_many_threads(void **state)
{
	struct loop *loop = started();
	struct poster *poster = calloc(POSTERS, sizeof *poster);
	(void)state;
	assert_non_null(poster);
	assert_false(loop_is_mine(loop));
	for (unsigned i = 0; i < POSTERS; i++) {
		poster[i].loop = loop;
		assert_int_equal(pthread_create(&poster[i].thread, NULL, poster_run, &poster[i]), 0);
	}
	for (unsigned i = 0; i < POSTERS; i++)
		pthread_join(poster[i].thread, NULL);
	ended(&loop); /* tasks posted before the stop have run */
	for (unsigned i = 0; i < POSTERS; i++) {
		assert_int_equal(poster[i].last, POSTS);
		for (unsigned k = 0; k < POSTS; k++)
			assert_true(poster[i].post[k].mine);
	}
	free(poster);
}

/* Tasks that a loop has not run yet run when it is freed, with the tasks that they post. */
struct again {
	struct loop_task task;
	struct loop *loop;
	unsigned left, ran;
};

static void again_run(struct loop_task *task)
{
	struct again *again = (struct again *)task;
	again->ran++;
	if (again->left-- > 0)
		loop_post(again->loop, task);
}

static void test_what_is_left_runs_when_freed(void **state)
{
	struct failure why;
	struct loop *loop = loop_new(&why);
	struct again again = {.task = {.run = again_run}, .loop = loop, .left = 3};
	(void)state;
	assert_non_null(loop);
	assert_true(loop_is_mine(loop));
	loop_post(loop, &again.task);
	loop_free(&loop);
	assert_int_equal(again.ran, 4);
}

/* A task that posts itself for ever does not keep the loop from its descriptors and timers. */
struct world {
	struct loop_task begin, endless;
	struct loop *loop;
	struct loop_watch *watch;
	struct loop_timer *timer, *stopped;
	int pipe[2];
	unsigned octets, fired, wrong;
	atomic_bool over;
};

static void endless_run(struct loop_task *task)
{
	struct world *w = (struct world *)((char *)task - offsetof(struct world, endless));
	if (!atomic_load(&w->over))
		loop_post(w->loop, task);
}

static void on_octet(void *arg, int fd, unsigned what)
{
	struct world *w = arg;
	char octet;
	assert_int_equal(what, LOOP_READ);
	assert_int_equal(read(fd, &octet, 1), 1);
	if (++w->octets == 3) {
		loop_watch_free(&w->watch);
		loop_timer_set(w->timer, 1);
		return;
	}
	loop_watch_set(w->watch, 0);
	loop_watch_set(w->watch, LOOP_READ);
}

static void on_timer(void *arg)
{
	struct world *w = arg;
	if (++w->fired < 3) {
		loop_timer_set(w->timer, 1);
		return;
	}
	loop_timer_free(&w->timer);
	loop_timer_free(&w->stopped);
	atomic_store(&w->over, true);
}

static void on_stopped(void *arg)
{
	struct world *w = arg;
	w->wrong++;
}

static void world_begin(struct loop_task *task)
{
	struct world *w = (struct world *)task;
	w->watch = loop_watch_new(w->loop, w->pipe[0], LOOP_READ, on_octet, w);
	w->timer = loop_timer_new(w->loop, on_timer, w);
	w->stopped = loop_timer_new(w->loop, on_stopped, w);
	loop_timer_set(w->stopped, 1);
	loop_timer_stop(w->stopped);
	w->endless.run = endless_run;
	loop_post(w->loop, &w->endless);
}

static void test_descriptors_and_timers(void **state)
{
	struct world w = {.begin = {.run = world_begin}, .loop = started()};
	(void)state;
	assert_int_equal(pipe(w.pipe), 0);
	loop_post(w.loop, &w.begin);
	assert_int_equal(write(w.pipe[1], "abc", 3), 3);
	while (!atomic_load(&w.over))
		usleep(1000);
	ended(&w.loop);
	assert_int_equal(w.octets, 3);
	assert_int_equal(w.fired, 3);
	assert_int_equal(w.wrong, 0);
	close(w.pipe[0]);
	close(w.pipe[1]);
}

/* Tasks that run at the end of one loop may post to another one. */
struct hop {
	struct loop_task task;
	struct loop *next;
	struct again *then;
};

static void hop_run(struct loop_task *task)
{
	struct hop *hop = (struct hop *)task;
	loop_post(hop->next, &hop->then->task);
}

static void test_several(void **state)
{
	struct failure why;
	struct loops *loops = loops_new(3, &why);
	(void)state;
	assert_non_null(loops);
	assert_int_equal(loops->count, 3);
	struct again again = {.task = {.run = again_run}, .loop = loops->at[0]};
	struct hop hop = {.task = {.run = hop_run}, .next = loops->at[0], .then = &again};
	loop_post(loops->at[2], &hop.task);
	loops_free(&loops);
	assert_null(loops);
	assert_int_equal(again.ran, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tasks_of_many_threads),
		cmocka_unit_test(test_what_is_left_runs_when_freed),
		cmocka_unit_test(test_descriptors_and_timers),
		cmocka_unit_test(test_several),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
