/* Makes the list of kinds in stsgate(1) from the table of events. */
#include "event_record.h"

#include <stdio.h>

/* A dot or an apostrophe that begins a line would be a request. */
static void sentence_print(const char *text)
{
	printf("%s%s.\n", *text == '.' || *text == '\'' ? "\\&" : "", text);
}

int main(void)
{
	puts(".Bl -tag -width Ds");
	for (int i = 0; i < EVENT_KIND_COUNT; i++) {
		enum event_kind kind = (enum event_kind)i;
		printf(".It Cm %s Pq %s\n", event_name(kind), event_severity_name(event_severity(kind)));
		sentence_print(event_sentence(kind));
		printf("What to do: ");
		sentence_print(event_advice(kind));
	}
	puts(".El");
	return 0;
}
