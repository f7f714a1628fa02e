import torch
import torch.nn.functional as F

from ofa.train.losses import alpha_divergence, distillation_loss, label_loss


def test_a_student_that_equals_its_teacher_pays_the_teachers_entropy_only():
    teacher = torch.randn(6, 4)
    entropy = -(teacher.softmax(1) * teacher.log_softmax(1)).sum(1).mean()

    torch.testing.assert_close(distillation_loss(teacher, teacher), entropy)
    assert distillation_loss(torch.randn(6, 4), teacher) > entropy


def test_smoothing_moves_mass_from_the_label_to_all_labels():
    logits, labels = torch.randn(5, 10), torch.arange(5)
    target = 0.9 * F.one_hot(labels, 10) + 0.1 / 10

    expected = -(target * logits.log_softmax(1)).sum(1).mean()

    torch.testing.assert_close(label_loss(logits, labels, smoothing=0.1), expected)


def test_the_alpha_divergence_of_a_student_that_equals_its_teacher_is_nothing():
    teacher = torch.randn(6, 4)

    assert alpha_divergence(teacher, teacher).abs() < 1e-6
    assert alpha_divergence(torch.randn(6, 4), teacher) > 0


def test_the_alpha_divergence_descends_to_the_teacher():
    teacher = torch.randn(6, 4)
    logits = torch.zeros(6, 4, requires_grad=True)
    optimizer = torch.optim.SGD([logits], lr=1.0)
    for _ in range(300):
        optimizer.zero_grad()
        alpha_divergence(logits, teacher).backward()
        optimizer.step()

    torch.testing.assert_close(logits.softmax(1), teacher.softmax(1), atol=0.01, rtol=0)
