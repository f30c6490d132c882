#include "post.h"

#include "memory.h"
#include "text.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CODE_LEN 3
#define CODE_OF_QUIT 221
#define REPLIES_BEFORE_RECEIVER 3 /* greeting, EHLO, MAIL: a refusal there is not about this mail */
#define DETAIL_REPLY_MAX 150

struct delivery {
	const struct post *post;
	CURL *curl;
	struct curl_slist *receivers;
	size_t sent; /* octets of the message that libcurl has taken */
	unsigned replies;
	int code;        /* of the newest reply */
	bool after_end;  /* that reply came after the whole message */
	char reply[256]; /* the newest reply's last line, cut to fit; untrusted */
	char error[CURL_ERROR_SIZE];
};

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;
static CURLcode curl_ready;

/* libcurl counts these calls, so the one in fetch_curl.c does no harm. */
static void curl_start_once(void)
{
	curl_ready = curl_global_init(CURL_GLOBAL_DEFAULT);
}

static bool whole(const struct delivery *delivery)
{
	return delivery->sent == delivery->post->message.len;
}

/* --- callbacks of libcurl ----------------------------------------------------------------------------------------- */

static size_t on_read(char *out, size_t size, size_t count, void *arg)
{
	struct delivery *delivery = arg;
	size_t left = delivery->post->message.len - delivery->sent, room = size * count;
	size_t len = left < room ? left : room;
	memcpy(out, delivery->post->message.at + delivery->sent, len);
	delivery->sent += len;
	return len;
}

/* libcurl passes each line of the MTA's replies. The last line of a reply has a blank behind the code. */
static size_t on_reply(char *line, size_t size, size_t count, void *arg)
{
	struct delivery *delivery = arg;
	size_t len = size * count;
	const struct span text = span_trim((struct span){line, len}, " \t\r\n");
	if (text.len < CODE_LEN || (text.len > CODE_LEN && text.at[CODE_LEN] == '-'))
		return len;
	char code[CODE_LEN + 1] = {text.at[0], text.at[1], text.at[2]};
	if (atoi(code) == CODE_OF_QUIT) /* libcurl says QUIT after a refusal, too */
		return len;
	size_t kept = text.len < sizeof delivery->reply ? text.len : sizeof delivery->reply - 1;
	delivery->code = atoi(code);
	delivery->replies++;
	delivery->after_end = whole(delivery);
	memcpy(delivery->reply, text.at, kept);
	delivery->reply[kept] = '\0';
	return len;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *arg)
{
	(void)bytes, (void)arg;
	return size * count;
}

static int on_progress(void *arg, curl_off_t down, curl_off_t down_now, curl_off_t up, curl_off_t up_now)
{
	const struct delivery *delivery = arg;
	(void)down, (void)down_now, (void)up, (void)up_now;
	return delivery->post->stop && atomic_load(delivery->post->stop);
}

/* --- one delivery ------------------------------------------------------------------------------------------------- */

#define SET(option, value) (curl_easy_setopt(delivery->curl, (option), (value)) == CURLE_OK)

static bool delivery_set(struct delivery *delivery)
{
	const struct post *post = delivery->post;
	char url[512];
	int len = snprintf(url, sizeof url, "smtp://%s/%s", post->server, post->helo);
	delivery->receivers = xneed(curl_slist_append(NULL, post->receiver));
	return len > 0 && (size_t)len < sizeof url && SET(CURLOPT_URL, url) && SET(CURLOPT_PROTOCOLS_STR, "smtp") &&
	       SET(CURLOPT_PROXY, "") && SET(CURLOPT_NOSIGNAL, 1L) && SET(CURLOPT_USE_SSL, (long)CURLUSESSL_NONE) &&
	       SET(CURLOPT_TIMEOUT_MS, (long)post->timeout_ms) &&
	       SET(CURLOPT_CONNECTTIMEOUT_MS, (long)post->timeout_ms) &&
	       SET(CURLOPT_SERVER_RESPONSE_TIMEOUT, (long)post->timeout_ms / 1000 + 1) &&
	       SET(CURLOPT_MAIL_FROM, post->sender) && SET(CURLOPT_MAIL_RCPT, delivery->receivers) &&
	       SET(CURLOPT_UPLOAD, 1L) && SET(CURLOPT_READFUNCTION, on_read) && SET(CURLOPT_READDATA, delivery) &&
	       SET(CURLOPT_INFILESIZE_LARGE, (curl_off_t)post->message.len) && SET(CURLOPT_HEADERFUNCTION, on_reply) &&
	       SET(CURLOPT_HEADERDATA, delivery) && SET(CURLOPT_WRITEFUNCTION, on_body) &&
	       SET(CURLOPT_NOPROGRESS, 0L) && SET(CURLOPT_XFERINFOFUNCTION, on_progress) &&
	       SET(CURLOPT_XFERINFODATA, delivery) && SET(CURLOPT_ERRORBUFFER, delivery->error);
}

static void delivery_judge(const struct delivery *delivery, CURLcode code, struct posted *posted)
{
	bool refused = delivery->code >= 400 && delivery->code < 600;
	bool about_mail = delivery->replies > REPLIES_BEFORE_RECEIVER;
	if (code == CURLE_OK)
		posted->outcome = TLSRPT_DONE;
	else if (refused)
		posted->outcome = delivery->code >= 500 && about_mail ? TLSRPT_NEVER : TLSRPT_LATER;
	else
		posted->outcome = whole(delivery) && !delivery->after_end ? TLSRPT_UNSURE : TLSRPT_LATER;
	posted->unreached = posted->outcome == TLSRPT_LATER && !(refused && about_mail);
}

static void delivery_describe(const struct delivery *delivery, CURLcode code, struct posted *posted)
{
	const char *words = delivery->error[0] ? delivery->error : curl_easy_strerror(code);
	bool has_reply = delivery->code >= 400 || code == CURLE_OK;
	struct text text;
	text_init(&text, posted->detail, sizeof posted->detail);
	if (posted->outcome == TLSRPT_UNSURE)
		text_add(&text, "no reply to the message: ");
	if (has_reply)
		text_quote(&text, delivery->reply, strlen(delivery->reply), DETAIL_REPLY_MAX);
	else
		text_quote(&text, words, strlen(words), DETAIL_REPLY_MAX);
}

void post_smtp(const struct post *post, struct posted *posted)
{
	struct delivery delivery = {.post = post};
	memset(posted, 0, sizeof *posted);
	pthread_once(&curl_once, curl_start_once);
	CURLcode code = curl_ready;
	delivery.curl = code == CURLE_OK ? curl_easy_init() : NULL;
	if (code == CURLE_OK)
		code = delivery.curl && delivery_set(&delivery) ? curl_easy_perform(delivery.curl) : CURLE_FAILED_INIT;
	delivery_judge(&delivery, code, posted);
	delivery_describe(&delivery, code, posted);
	curl_easy_cleanup(delivery.curl); /* says QUIT, whose reply does not matter */
	curl_slist_free_all(delivery.receivers);
}
