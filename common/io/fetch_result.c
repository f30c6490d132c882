#include "fetch_response.h"
#include "fetch_transfer.h"
#include "policy_findings.h"

#include <openssl/ssl.h>
#include <string.h>

long transfer_status(const struct transfer *transfer)
{
	long status = 0;
	curl_easy_getinfo(transfer->curl, CURLINFO_RESPONSE_CODE, &status);
	return status;
}

static enum reason transfer_judge(struct transfer *transfer, CURLcode code, struct text *detail)
{
	const struct response *response = &transfer->response;
	const char *words = transfer->error[0] ? transfer->error : curl_easy_strerror(code);
	long status = transfer_status(transfer), error = X509_V_OK;
	if (code == CURLE_PEER_FAILED_VERIFICATION) {
		curl_easy_getinfo(transfer->curl, CURLINFO_SSL_VERIFYRESULT, &error);
		if (transfer->certificate[0] != '\0')
			text_add(detail, transfer->certificate);
		else if (error != X509_V_OK)
			text_add(detail, X509_verify_cert_error_string(error));
		else
			text_quote(detail, transfer->error, strlen(transfer->error), 160);
		return REASON_POLICY_WEBPKI;
	}
	if (response->headers_too_long) {
		text_add(detail, "headers too large");
	} else if (status != 0 && status != FETCH_STATUS_OK) {
		response_refuse_status(&transfer->response, status, detail);
	} else if (response->too_large) {
		text_add(detail, response->is_list ? "larger than 10 MB" : "policy too large");
	} else if (code != CURLE_OK) {
		if (code == CURLE_OPERATION_TIMEDOUT) {
			text_add(detail, transfer->headers   ? "no answer within "
					 : response->is_list ? "no CRL within "
							     : "no policy within ");
			text_add_number(detail, transfer->timeout_ms);
			text_add(detail, " ms: ");
		}
		text_quote(detail, words, strlen(words), 160);
	} else if (!response->is_list && !response->framed && !transfer->tls_closed) {
		/* libcurl takes the end of the connection for the end of the body, but anybody on the path can cut a
		 * connection. */
		text_add(detail, "the connection was cut");
	} else if (!response_refuse(response, detail)) {
		return REASON_OK;
	}
	return REASON_POLICY_FETCH;
}

void transfer_end_list(struct transfer **slot, CURLcode code, struct fetch_list_found *found)
{
	struct transfer *transfer = *slot;
	struct response *response = &transfer->response;
	curl_off_t modified = -1;
	long unmet = 0;
	struct text detail;
	memset(found, 0, sizeof *found);
	text_init(&detail, found->detail, sizeof found->detail);
	curl_easy_getinfo(transfer->curl, CURLINFO_FILETIME_T, &modified);
	curl_easy_getinfo(transfer->curl, CURLINFO_CONDITION_UNMET, &unmet);
	found->modified_at = modified > 0 ? modified : 0;
	found->unchanged = code == CURLE_OK && transfer->newer_than != 0 &&
			   (unmet != 0 || transfer_status(transfer) == FETCH_STATUS_UNCHANGED);
	found->received = !found->unchanged && transfer_judge(transfer, code, &detail) == REASON_OK;
	if (found->received) {
		found->bytes = response->body;
		found->len = response->body_len;
		response->body = NULL;
	}
	transfer_free(slot);
}

/* Returns what a status means for a report. A server that cannot serve now may do so later. */
static enum tlsrpt_outcome status_outcome(long status)
{
	if (status >= 200 && status < 300)
		return TLSRPT_DONE;
	bool later = status < 300 || status >= 500 || status == 408 || status == 425 || status == 429;
	return later ? TLSRPT_LATER : TLSRPT_NEVER;
}

void transfer_end_post(struct transfer **slot, CURLcode code, struct fetch_posted *posted)
{
	struct transfer *transfer = *slot;
	long status = transfer_status(transfer);
	struct text detail;
	memset(posted, 0, sizeof *posted);
	text_init(&detail, posted->detail, sizeof posted->detail);
	posted->outcome = code == CURLE_PEER_FAILED_VERIFICATION ? TLSRPT_LATER : status_outcome(status);
	bool redirect = status >= 300 && status < 400 && transfer->response.location[0] != '\0';
	if (status < 200 || code == CURLE_PEER_FAILED_VERIFICATION) {
		transfer_judge(transfer, code, &detail);
	} else {
		text_add(&detail, "HTTP status ");
		text_add_number(&detail, status);
		text_add(&detail, redirect ? ", a redirect, which is not followed, to " : "");
		if (redirect)
			text_quote(&detail, transfer->response.location, strlen(transfer->response.location), 100);
	}
	transfer_free(slot);
}

static enum health_way certificate_way(const struct transfer *transfer)
{
	long error = X509_V_OK;
	curl_easy_getinfo(transfer->curl, CURLINFO_SSL_VERIFYRESULT, &error);
	switch (error) {
	case X509_V_ERR_CERT_NOT_YET_VALID:
		return HEALTH_EARLY;
	case X509_V_ERR_CERT_HAS_EXPIRED:
		return HEALTH_EXPIRED;
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
	case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
	case X509_V_ERR_CERT_UNTRUSTED:
		return HEALTH_UNTRUSTED;
	default:
		return HEALTH_REACHED;
	}
}

void transfer_end(struct transfer **slot, CURLcode code, struct policy_found *found)
{
	struct transfer *transfer = *slot;
	struct response *response = &transfer->response;
	struct policy_findings findings = {.errors = {.bytes = NULL}};
	struct text detail;
	memset(found, 0, sizeof *found);
	text_init(&detail, found->detail, sizeof found->detail);
	found->outcome = transfer_judge(transfer, code, &detail);
	found->leaf = transfer->leaf;
	found->staple = transfer->staple;
	/* Never set with a proxy: if the proxy fails, the policy host may still be reachable. */
	found->unreached =
		!*transfer->fetcher->proxy &&
		(code == CURLE_COULDNT_CONNECT || (code == CURLE_OPERATION_TIMEDOUT && !transfer->tls_answered));
	/* Set with a proxy, too: if the proxy fails, this relay can reach no policy host. */
	if (code == CURLE_PEER_FAILED_VERIFICATION)
		found->way = certificate_way(transfer);
	else if (code == CURLE_OK || transfer->tls_up)
		found->way = HEALTH_WELL;
	else
		found->way = transfer->tls_answered ? HEALTH_REACHED : HEALTH_UNREACHED;
	if (found->outcome == REASON_OK) {
		const char *body = response->body ? response->body : "";
		if (!policy_parse(&found->policy, body, response->body_len, &findings))
			found->outcome = REASON_POLICY_INVALID;
		policy_errors_add(&detail, &findings);
		policy_findings_free(&findings);
		found->text = response->body;
		found->text_len = (uint32_t)response->body_len;
		response->body = NULL;
	}
	transfer_free(slot);
}
