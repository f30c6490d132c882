#include "doctor.h"

void doctor_sockets(struct doctor *doctor)
{
	(void)doctor;
}
