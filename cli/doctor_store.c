#include "doctor.h"

void doctor_store(struct doctor *doctor)
{
	(void)doctor;
}
